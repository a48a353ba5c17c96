//! What convolution and pooling refuse, and in which words.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::Tape;
use refrain_nn::{AvgPool1d, AvgPool2d, Conv1d, Conv2d, ConvBuilder, Flatten, MaxPool1d, MaxPool2d, Padding};
use refrain_tensor::{Shape, Tensor};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(4)
}

#[test]
fn options_that_make_no_layer() {
    let conv1d = |builder: ConvBuilder<f32, 1>| builder.build(&mut rng()).unwrap_err();
    let conv2d = |builder: ConvBuilder<f32, 2>| builder.build(&mut rng()).unwrap_err();
    let cases = [
        (conv1d(Conv1d::builder(0, 4, 3)), "conv1d: in_channels is 0, expected at least 1"),
        (conv1d(Conv1d::builder(4, 0, 3)), "conv1d: out_channels is 0, expected at least 1"),
        (conv2d(Conv2d::builder(4, 4, (3, 0))), "conv2d: kernel_size is 0, expected at least 1"),
        (conv2d(Conv2d::builder(4, 4, 3).stride([0, 1])), "conv2d: stride is 0, expected at least 1"),
        (conv2d(Conv2d::builder(4, 4, 3).dilation(0)), "conv2d: dilation is 0, expected at least 1"),
        (conv2d(Conv2d::builder(4, 4, 3).groups(0)), "conv2d: groups is 0, expected at least 1"),
        (
            conv1d(Conv1d::builder(3, 4, 3).groups(2)),
            "conv1d: in_channels is 3, expected a multiple of groups, which is 2",
        ),
        (
            conv1d(Conv1d::builder(4, 3, 3).groups(2)),
            "conv1d: out_channels is 3, expected a multiple of groups, which is 2",
        ),
        (
            conv2d(Conv2d::builder(4, 4, 3).stride(2).padding(Padding::Same)),
            "conv2d: padding is `same` and stride (2, 2), expected a stride of 1 with this padding",
        ),
        (MaxPool1d::new(0).unwrap_err(), "max_pool1d: kernel_size is 0, expected at least 1"),
        (
            AvgPool2d::builder(2).stride(0).build().unwrap_err(),
            "avg_pool2d: stride is 0, expected at least 1",
        ),
        (
            MaxPool2d::builder(2).dilation(0).build().unwrap_err(),
            "max_pool2d: dilation is 0, expected at least 1",
        ),
        (
            AvgPool1d::builder(3).padding(2).build().unwrap_err(),
            "avg_pool1d: padding is 2, expected at most 1, half of kernel_size, which is 3",
        ),
        (
            MaxPool2d::builder((2, 5)).padding(2).build().unwrap_err(),
            "max_pool2d: padding is 2, expected at most 1, half of kernel_size, which is 2",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error.to_string(), expected);
    }
    let huge = [
        Conv1d::<f32>::new(1, 1, usize::MAX, &mut rng()).unwrap_err(),
        Conv1d::<f32>::new(1 << 40, 1 << 40, 3, &mut rng()).unwrap_err(),
    ];
    for error in huge {
        assert!(error.to_string().contains("too large to address"), "{error}");
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let tape = Tape::<f32>::new();
    let zeros = |sizes: &[usize]| tape.constant(Tensor::zeros(Shape::new(sizes).unwrap()).unwrap());
    let conv1d = Conv1d::<f32>::builder(2, 3, 3).dilation(2).padding(1).build(&mut rng()).unwrap();
    let conv2d = Conv2d::<f32>::new(2, 3, (1, 3), &mut rng()).unwrap();
    let pool = AvgPool2d::new(2).unwrap();
    let cases = [
        (
            conv1d.forward(&zeros(&[4, 3, 9])),
            "conv1d: input has 3 channels, the layer was built for 2 (input shape [4, 3, 9] = [batch, channels, length])",
        ),
        (
            conv2d.forward(&zeros(&[3, 9, 9])),
            "conv2d: input has 3 channels, the layer was built for 2 (input shape [3, 9, 9] = [channels, height, width])",
        ),
        (
            conv1d.forward(&zeros(&[9])),
            "conv1d: input has shape [9], expected [batch, channels, length] or [channels, length]",
        ),
        (
            conv2d.forward(&zeros(&[1, 1, 2, 9, 9])),
            "conv2d: input has shape [1, 1, 2, 9, 9], expected [batch, channels, height, width] or [channels, height, width]",
        ),
        (
            conv1d.forward(&zeros(&[2, 2])),
            "conv1d: the window spans 5 elements of the length, which has 4 with its padding (input shape [2, 2] = [channels, length])",
        ),
        (
            conv2d.forward(&zeros(&[1, 2, 9, 2])),
            "conv2d: the window spans 3 elements of the width, which has 2 with its padding (input shape [1, 2, 9, 2] = [batch, channels, height, width])",
        ),
        (
            conv2d.forward(&zeros(&[1, 2, 0, 9])),
            "conv2d: the height is empty (input shape [1, 2, 0, 9] = [batch, channels, height, width])",
        ),
        (
            pool.forward(&zeros(&[3, 1, 5])),
            "avg_pool2d: the window spans 2 elements of the height, which has 1 with its padding (input shape [3, 1, 5] = [channels, height, width])",
        ),
        (
            MaxPool1d::new(2).unwrap().forward(&zeros(&[0, 5])),
            "max_pool1d: the channels is empty (input shape [0, 5] = [channels, length])",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    // Sizes that no memory holds are errors too, and none of them wraps around.
    for padding in [1 << 40, 1 << 61, isize::MAX as usize, usize::MAX] {
        let layer = Conv2d::<f32>::builder(1, 1, 1).padding(padding).build(&mut rng()).unwrap();
        assert!(layer.forward(&zeros(&[1, 1, 1])).is_err(), "{padding}");
        let layer =
            Conv1d::<f32>::builder(1, 1, 2).dilation(padding).padding(padding).build(&mut rng()).unwrap();
        assert!(layer.forward(&zeros(&[1, 1])).is_err() || padding <= 1 << 61, "{padding}");
    }
    let message = Flatten { start_dim: 2, end_dim: 1 }.forward(&zeros(&[2, 3, 4])).unwrap_err().to_string();
    assert!(message.starts_with("flatten:"), "{message}");
}
