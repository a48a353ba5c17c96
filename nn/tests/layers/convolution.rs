//! Convolution and pooling against the values of PyTorch and against each other.

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Tape, Var};
use refrain_nn::{
    AvgPool1d, AvgPool2d, Conv, Conv1d, Conv2d, ConvBuilder, Error, Flatten, MaxPool1d, MaxPool2d, Module,
    Padding, StateDict,
};
use refrain_tensor::{Shape, Tensor};

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(4)
}

/// The numbers 2 ((a k + b) mod m) / m − 1 for k = 0, 1, …: both sides can make them.
fn numbers(shape: Shape, [a, b, m]: [usize; 3]) -> Tensor<f64> {
    let values = (0..shape.numel()).map(|k| ((k * a + b) % m) as f64 / m as f64 * 2.0 - 1.0);
    Tensor::from_vec(values.collect(), shape).unwrap()
}

/// The layer that was run, where it has parameters.
type Ran = Option<Box<dyn Module<f64>>>;

/// Runs the layer with weights of [`numbers`].
fn conv<'t, const N: usize>(
    builder: ConvBuilder<f64, N>,
    x: &Var<'t, f64>,
    ran: &mut Ran,
) -> Result<Var<'t, f64>, Error> {
    let mut layer = builder.build(&mut rng())?;
    for (parameter, formula) in layer.parameters_mut().into_iter().zip([[5, 2, 13], [3, 1, 7]]) {
        parameter.set(numbers(*parameter.value().shape(), formula))?;
    }
    let y = layer.forward(x);
    *ran = Some(Box::new(layer));
    y
}

/// A layer at an input of [`numbers`]; the output, the gradient of the input and those of the
/// parameters, for a gradient of the output that is made the same way; rounded to seven places.
struct ValuesOf {
    layer: for<'t> fn(&Var<'t, f64>, &mut Ran) -> Result<Var<'t, f64>, Error>,
    input: &'static [usize],
    output: &'static [usize],
    values: &'static [&'static [f64]],
}

const PYTORCH: [ValuesOf; 10] = [
    ValuesOf {
        layer: |x, ran| conv(Conv1d::builder(2, 2, 3).stride(2).padding(1), x, ran),
        input: &[2, 2, 5],
        output: &[2, 2, 3],
        values: &[
            &[
                0.6003996, -1.0919081, -0.5044955, -0.3326673, -0.0949051, 1.5694306, -0.7562438, -0.9240759,
                -1.1058941, -0.038961, 1.3876124, 0.0729271,
            ],
            &[
                0.3257919, -0.678733, 0.5972851, -0.6877828, -0.5158371, -0.7330317, 0.5972851, -0.9502262,
                -0.2986425, 0.8325792, 0.4162896, -0.5791855, -0.6968326, 0.3348416, -0.4253394, -0.8054299,
                -0.0090498, 0.9773756, 0.0180995, 0.760181,
            ],
            &[
                -0.2032086, -0.0106952, -0.1390374, 0.2352941, -0.5026738, 0.4919786, 1.6042781, -0.8770053,
                -0.513369, -0.7165775, 2.5240642, -1.1871658,
            ],
            &[-0.7058824, -0.3529412],
        ],
    },
    ValuesOf {
        layer: |x, ran| conv(Conv1d::builder(2, 4, 2).groups(2).dilation(2).bias(false), x, ran),
        input: &[2, 5],
        output: &[4, 3],
        values: &[
            &[
                0.3216783, -0.6153846, -0.013986, -0.4195804, 0.9370629, -0.1678322, -0.4195804, -0.0839161,
                1.020979, 0.3216783, -0.1258741, -0.7272727,
            ],
            &[
                0.8144796, 0.8687783, -1.0135747, -0.3529412, 0.3076923, -0.2081448, 0.0542986, 0.959276,
                -0.6425339, -0.6968326,
            ],
            &[0.1122995, 0.1764706, 0.4117647, -1.0, 0.2192513, -0.4652406, 0.4652406, 1.2139037],
        ],
    },
    ValuesOf {
        layer: |x, ran| conv(Conv2d::builder(1, 2, (2, 3)).padding([1, 0]), x, ran),
        input: &[1, 1, 3, 4],
        output: &[1, 2, 4, 2],
        values: &[
            &[
                -0.3016983, -0.4555445, 0.1528472, -2.4765235, -2.3646354, 0.5444555, -0.3716284, -0.3856144,
                -0.8011988, 0.3876124, 1.1218781, 1.1778222, 1.3456543, -1.0599401, -0.6753247, 0.6533467,
            ],
            &[
                0.2262443, -1.2760181, -0.0542986, 0.7963801, -0.8868778, 1.1040724, 1.8190045, -0.9773756,
                -0.1538462, 1.1764706, -1.0769231, 0.1719457,
            ],
            &[
                1.1550802, 1.1336898, -1.4759358, 0.684492, -1.9893048, 0.7486631, -1.144385, -1.1016043,
                0.3529412, -0.1604278, 1.2299465, 0.0320856,
            ],
            &[-0.3529412, 0.2352941],
        ],
    },
    ValuesOf {
        layer: |x, ran| conv(Conv2d::builder(2, 1, 2).padding(Padding::Same), x, ran),
        input: &[2, 2, 3],
        output: &[1, 2, 3],
        values: &[
            &[-1.5534466, -0.6303696, -0.9240759, -0.8401598, -0.6723277, -0.8261738],
            &[
                0.3665158, 0.081448, -0.1357466, -0.8144796, -0.5158371, 0.8144796, -0.2036199, 0.3800905,
                0.2171946, 0.2443439, -0.4615385, -1.1764706,
            ],
            &[0.4064171, -0.1925134, 0.2085561, -0.3208556, 0.3636364, -0.4491979, 0.4010695, -0.0641711],
            &[0.1176471],
        ],
    },
    ValuesOf {
        layer: |x, _| MaxPool1d::builder(3).stride(2).padding(1).build()?.forward(x),
        input: &[1, 2, 6],
        output: &[1, 2, 3],
        values: &[
            &[0.8181818, 0.8181818, 0.6363636, 0.4545455, 0.4545455, 0.2727273],
            &[0.0, -0.7058824, 0.0, 0.0, 0.1764706, 0.0, 0.0, 1.4117647, 0.0, 0.0, -0.7647059, 0.0],
        ],
    },
    ValuesOf {
        layer: |x, _| MaxPool2d::builder((2, 3)).stride(2).ceil_mode(true).build()?.forward(x),
        input: &[1, 1, 3, 6],
        output: &[1, 1, 2, 3],
        values: &[
            &[0.8181818, 0.6363636, 0.6363636, 0.8181818, 0.6363636, -0.0909091],
            &[
                0.0, -0.5294118, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5294118, 0.0, 0.0,
                0.8823529, -0.7647059, 0.0,
            ],
        ],
    },
    ValuesOf {
        layer: |x, _| MaxPool2d::builder(2).stride(1).dilation(2).padding(1).build()?.forward(x),
        input: &[1, 3, 3],
        output: &[1, 3, 3],
        values: &[
            &[
                0.6363636, -0.0909091, 0.6363636, 0.8181818, 0.0909091, 0.8181818, 0.6363636, -0.0909091,
                0.6363636,
            ],
            &[0.0, -0.2352941, 0.8823529, 0.0, -0.4705882, -0.2352941, 0.0, 0.0, 0.0],
        ],
    },
    ValuesOf {
        layer: |x, _| AvgPool1d::builder(2).padding(1).build()?.forward(x),
        input: &[2, 1, 5],
        output: &[2, 1, 3],
        values: &[
            &[-0.2272727, 0.4545455, 0.0, -0.0454545, -0.1818182, -0.6363636],
            &[
                -0.2647059, -0.0882353, -0.0882353, 0.0882353, 0.0882353, 0.2647059, 0.4411765, 0.4411765,
                -0.3823529, -0.3823529,
            ],
        ],
    },
    ValuesOf {
        layer: |x, _| {
            AvgPool2d::builder((3, 2)).stride(2).padding((1, 0)).ceil_mode(true).build()?.forward(x)
        },
        input: &[1, 1, 4, 5],
        output: &[1, 1, 3, 3],
        values: &[
            &[
                -0.0909091, -0.0606061, -0.1212121, -0.0909091, 0.1212121, -0.6363636, 0.1363636, -0.0909091,
                -0.1363636,
            ],
            &[
                -0.0882353, -0.0882353, -0.0294118, -0.0294118, 0.0588235, 0.0, 0.0, 0.1176471, 0.1176471,
                -0.1960784, 0.0882353, 0.0882353, 0.1470588, 0.1470588, -0.254902, -0.0147059, -0.0147059,
                0.1323529, 0.1323529, -0.1078431,
            ],
        ],
    },
    ValuesOf {
        layer: |x, _| {
            let builder = AvgPool2d::builder((3, 2)).stride(2).padding(1).ceil_mode(true);
            builder.count_include_pad(false).build()?.forward(x)
        },
        input: &[1, 1, 4, 5],
        output: &[1, 1, 3, 3],
        values: &[
            &[
                -0.2727273, 0.1363636, -0.3181818, 0.2727273, -0.1515152, -0.2727273, 0.6363636, -0.4545455,
                0.0909091,
            ],
            &[
                -0.2647059, -0.0441176, -0.0441176, 0.0441176, 0.0441176, -0.0882353, 0.1029412, 0.1029412,
                -0.0833333, -0.0833333, 0.1764706, 0.1470588, 0.1470588, -0.127451, -0.127451, -0.2352941,
                0.1176471, 0.1176471, 0.0196078, 0.0196078,
            ],
        ],
    },
];

#[test]
fn values_of_pytorch() {
    for case in PYTORCH {
        let tape = Tape::new();
        let x = tape.variable(numbers(Shape::new(case.input).unwrap(), [7, 3, 11]));
        let mut layer = None;
        let y = (case.layer)(&x, &mut layer).unwrap();
        assert_eq!(&y.shape()[..], case.output);
        let gradients = y.backward_with(numbers(*y.shape(), [3, 4, 17])).unwrap();
        let mut found = vec![y.value(), gradients.of(&x).unwrap()];
        let parameters = layer.iter().flat_map(|layer| layer.parameters());
        found.extend(parameters.map(|parameter| gradients.get(parameter).unwrap()));
        assert_eq!(found.len(), case.values.len());
        for (found, expected) in found.into_iter().zip(case.values) {
            assert_eq!(found.numel(), expected.len());
            let near = found.iter().zip(*expected).all(|(a, b)| (a - b).abs() < 1e-7);
            assert!(near, "{found}\n{expected:?}");
        }
        // Without a gradient, a layer may take another way to the same values.
        let inference = Tape::inference();
        let again = (case.layer)(&inference.constant(x.value().clone()), &mut None).unwrap();
        assert_eq!(again.value(), y.value());
    }
}

#[test]
fn layers_print_as_in_pytorch() {
    let conv1d = |builder: ConvBuilder<f32, 1>| format!("{:?}", builder.build(&mut rng()).unwrap());
    let conv2d = |builder: ConvBuilder<f32, 2>| format!("{:?}", builder.build(&mut rng()).unwrap());
    let cases = [
        (conv1d(Conv1d::builder(2, 4, 3)), "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"),
        (
            conv1d(Conv1d::builder(1, 1, 3).padding(Padding::Valid)),
            "Conv1d(1, 1, kernel_size=(3,), stride=(1,), padding=valid)",
        ),
        (
            conv2d(Conv2d::builder(1, 6, 5).padding(2)),
            "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))",
        ),
        (
            conv2d(
                Conv2d::builder(2, 6, (5, 3))
                    .stride([2, 1])
                    .padding([2, 0])
                    .dilation(2)
                    .groups(2)
                    .bias(false),
            ),
            "Conv2d(2, 6, kernel_size=(5, 3), stride=(2, 1), padding=(2, 0), dilation=(2, 2), groups=2, bias=false)",
        ),
        (
            conv2d(Conv2d::builder(1, 1, 3).padding(Padding::Same)),
            "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=same)",
        ),
        (
            format!("{:?}", MaxPool1d::new(2).unwrap()),
            "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=false)",
        ),
        (
            format!(
                "{:?}",
                MaxPool2d::builder((3, 2)).stride((2, 1)).padding((1, 0)).ceil_mode(true).build().unwrap()
            ),
            "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=1, ceil_mode=true)",
        ),
        (
            format!("{:?}", AvgPool1d::new(2).unwrap()),
            "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))",
        ),
        (
            format!("{:?}", AvgPool2d::builder((3, 2)).padding((1, 0)).build().unwrap()),
            "AvgPool2d(kernel_size=(3, 2), stride=(3, 2), padding=(1, 0))",
        ),
        (format!("{:?}", Flatten::default()), "Flatten(start_dim=1, end_dim=-1)"),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn parameters_have_pytorchs_names_shapes_and_first_values() {
    let layer = Conv2d::<f64>::builder(6, 40, (3, 5)).groups(2).build(&mut rng()).unwrap();
    let names: Vec<(String, Shape)> =
        layer.named_parameters().into_iter().map(|(name, p)| (name, *p.value().shape())).collect();
    assert_eq!(names, [("weight".into(), Shape::from([40, 3, 3, 5])), ("bias".into(), Shape::from([40]))]);
    assert_eq!((layer.in_channels(), layer.out_channels()), (6, 40));
    // An output sees 3 channels of 15 taps.
    let bound = 1.0 / 45f64.sqrt();
    for parameter in layer.parameters() {
        let largest = parameter.value().iter().map(f64::abs).fold(0.0, f64::max);
        assert!(largest <= bound && largest > 0.9 * bound, "{largest} {bound}");
    }
    let mut other = Conv2d::<f64>::builder(6, 40, (3, 5))
        .groups(2)
        .build(&mut Xoshiro256PlusPlus::seed_from_u64(5))
        .unwrap();
    StateDict::of(&layer).load_into(&mut other).unwrap();
    assert_eq!(StateDict::of(&layer), StateDict::of(&other));
    assert_eq!(Conv1d::<f32>::builder(2, 2, 3).bias(false).build(&mut rng()).unwrap().parameters().len(), 1);
}

/// The output and all gradients, the output's gradient being of [`numbers`].
fn run<const N: usize>(layer: &Conv<f64, N>, x: &Tensor<f64>) -> Vec<Vec<f64>> {
    let tape = Tape::new();
    let x = tape.variable(x.clone());
    let y = layer.forward(&x).unwrap();
    let gradients = y.backward_with(numbers(*y.shape(), [3, 4, 17])).unwrap();
    let mut all = vec![y.value().to_vec(), gradients.of(&x).unwrap().to_vec()];
    all.extend(layer.parameters().iter().map(|p| gradients.get(p).unwrap().to_vec()));
    all
}

proptest! {
    #[test]
    fn a_sequence_is_an_image_of_one_row_and_a_sample_a_batch_of_one(
        (channels, out, groups) in (1usize..3, 1usize..3, 1usize..3),
        (kernel, stride, padding, dilation) in (1usize..4, 1usize..3, 0usize..3, 1usize..3),
        length in 5usize..9,
    ) {
        let (channels, out) = (channels * groups, out * groups);
        let conv1d = Conv1d::<f64>::builder(channels, out, kernel).stride(stride).padding(padding);
        let conv1d = conv1d.dilation(dilation).groups(groups).build(&mut rng()).unwrap();
        let conv2d = Conv2d::<f64>::builder(channels, out, (1, kernel)).stride((1, stride)).padding((0, padding));
        let conv2d = conv2d.dilation((1, dilation)).groups(groups).build(&mut rng()).unwrap();
        let x = numbers(Shape::from([channels, length]), [7, 3, 11]);
        let sample = run(&conv1d, &x);
        prop_assert_eq!(&run(&conv1d, &x.unsqueeze(0).unwrap()), &sample);
        prop_assert_eq!(&run(&conv2d, &x.unsqueeze(1).unwrap()), &sample);
        prop_assert_eq!(&run(&conv2d, &x.unsqueeze(1).unwrap().unsqueeze(0).unwrap()), &sample);
    }

    #[test]
    fn same_padding_keeps_the_size(kernel in (1usize..5, 1usize..5), dilation in (1usize..3, 1usize..3), height in 1usize..6, width in 1usize..6) {
        let layer = Conv2d::<f64>::builder(1, 1, kernel).dilation(dilation).padding(Padding::Same).build(&mut rng()).unwrap();
        let tape = Tape::inference();
        let y = layer.forward(&tape.constant(Tensor::ones([1, height, width]).unwrap())).unwrap();
        prop_assert_eq!(&y.shape()[..], &[1, height, width]);
    }
}

#[test]
fn an_empty_batch_is_a_batch() {
    let layer = Conv2d::<f64>::new(2, 3, 3, &mut rng()).unwrap();
    let tape = Tape::new();
    let x = tape.variable(Tensor::zeros([0, 2, 5, 6]).unwrap());
    let y = layer.forward(&x).unwrap();
    assert_eq!(*y.shape(), [0, 3, 3, 4]);
    let y = MaxPool2d::new(2).unwrap().forward(&y).unwrap();
    let y = AvgPool2d::builder(2).ceil_mode(true).build().unwrap().forward(&y).unwrap();
    assert_eq!(*y.shape(), [0, 3, 1, 1]);
    let gradients = y.sum(..).unwrap().backward().unwrap();
    assert_eq!(*gradients.of(&x).unwrap().shape(), [0, 2, 5, 6]);
    assert!(gradients.get(&layer.weight).unwrap().iter().all(|g| g == 0.0));
}
