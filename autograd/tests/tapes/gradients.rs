//! Every differentiable operation against central differences, over random shapes of ranks 0 to 5,
//! also without elements, broadcast and strided inputs; and a test that fails when an operation is
//! added without a case of its name.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proptest::{
    prelude::*,
    test_runner::{TestError, TestRunner},
};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_autograd::{Error, GradcheckError, Tape, Var, gradcheck};
use refrain_tensor::{Shape, Tensor, keepdim};

type Checked<'t> = Result<Var<'t, f64>, Error>;

/// What a case may look at besides its inputs.
struct Choice {
    axis: isize,
    numbers: [usize; 2],
}

/// One operation: how to apply it, and which numbers and shapes it can be differentiated at.
///
/// The name is that of the operation that the case covers. A name that is none ("matmul with a
/// vector") is one more case for an operation that has its own.
struct Case {
    name: &'static str,
    domain: Domain,
    /// Whether x\[0\] may have these sizes.
    takes: fn(&[usize]) -> bool,
    apply: for<'t> fn(&'t Tape<f64>, &[Var<'t, f64>], &Choice) -> Checked<'t>,
}

#[derive(Clone, Copy)]
enum Domain {
    /// Any number.
    Any,
    /// Positive numbers, away from 0.
    Positive,
    /// Numbers away from 0, where the function has a kink or a pole.
    NotZero,
}

macro_rules! case {
    ($domain:ident $name:literal, $apply:expr) => {
        case!($domain any_shape $name, $apply)
    };
    ($domain:ident $takes:ident $name:literal, $apply:expr) => {
        Case { name: $name, domain: Domain::$domain, takes: $takes, apply: $apply }
    };
}

fn any_shape(_: &[usize]) -> bool {
    true
}

/// For operations along an axis.
fn an_axis(sizes: &[usize]) -> bool {
    !sizes.is_empty()
}

/// For operations that are not defined without elements, or whose value then is NaN.
fn elements(sizes: &[usize]) -> bool {
    !sizes.contains(&0)
}

fn an_axis_with_elements(sizes: &[usize]) -> bool {
    an_axis(sizes) && elements(sizes)
}

fn a_matrix_with_elements(sizes: &[usize]) -> bool {
    sizes.len() >= 2 && elements(sizes)
}

/// The cases. Inputs: x\[0\] and x\[1\] broadcast against each other; x\[2\] has the shape of x\[0\].
fn cases() -> Vec<Case> {
    vec![
        case!(Any "add", |_, x, _| x[0].add(&x[1])),
        case!(Any "sub", |_, x, _| x[0].sub(&x[1])),
        case!(Any "mul", |_, x, _| x[0].mul(&x[1])),
        case!(NotZero "div", |_, x, _| x[0].div(&x[1])),
        case!(Positive "pow", |_, x, _| x[0].pow(&x[1])),
        case!(Any "maximum", |_, x, _| x[0].maximum(&x[1])),
        case!(Any "minimum", |_, x, _| x[0].minimum(&x[1])),
        case!(Any "maximum of equals", |_, x, _| x[0].maximum(&x[0].mul_scalar(1.0))),
        case!(Any "select_where", |_, x, _| {
            let condition = x[0].value().gt(&Tensor::from(0.2))?;
            Var::select_where(&condition, &x[0], &x[1])
        }),
        case!(Any "neg", |_, x, _| Ok(x[0].neg())),
        case!(Any "add_scalar", |_, x, _| Ok(x[0].add_scalar(0.7).square())),
        case!(Any "mul_scalar", |_, x, _| Ok(x[0].mul_scalar(-1.7))),
        case!(Any "div_scalar", |_, x, _| Ok(&x[0] / -1.7)),
        case!(NotZero "scalar_div", |_, x, _| Ok(-1.7 / &x[0])),
        case!(NotZero "abs", |_, x, _| Ok(x[0].abs())),
        case!(Positive "sqrt", |_, x, _| Ok(x[0].sqrt())),
        case!(Positive "rsqrt", |_, x, _| Ok(x[0].rsqrt())),
        case!(Any "square", |_, x, _| Ok(x[0].square())),
        case!(NotZero "recip", |_, x, _| Ok(x[0].recip())),
        case!(Any "exp", |_, x, _| Ok(x[0].exp())),
        case!(Any "expm1", |_, x, _| Ok(x[0].expm1())),
        case!(Positive "log", |_, x, _| Ok(x[0].log())),
        case!(Positive "log1p", |_, x, _| Ok(x[0].log1p())),
        case!(Any "sin", |_, x, _| Ok(x[0].sin())),
        case!(Any "cos", |_, x, _| Ok(x[0].cos())),
        case!(Any "tanh", |_, x, _| Ok(x[0].tanh())),
        case!(Any "sigmoid", |_, x, _| Ok(x[0].sigmoid())),
        case!(NotZero "relu", |_, x, _| Ok(x[0].relu())),
        case!(Any "softplus", |_, x, _| Ok(x[0].softplus())),
        case!(Positive "powf", |_, x, _| Ok(x[0].powf(2.3))),
        case!(NotZero "clamp", |_, x, _| x[0].clamp(0.0, 10.0)),
        case!(NotZero "leaky_relu", |_, x, _| Ok(x[0].leaky_relu(0.1))),
        case!(NotZero "elu", |_, x, _| Ok(x[0].elu(1.3))),
        case!(Any "silu", |_, x, _| Ok(x[0].silu())),
        case!(Any "gelu", |_, x, _| Ok(x[0].gelu())),
        case!(Any an_axis "sum", |_, x, c| x[0].sum(c.axis)),
        case!(Any "sum of all", |_, x, _| x[0].sum(..)),
        case!(Any an_axis_with_elements "mean", |_, x, c| x[0].mean(keepdim(c.axis))),
        case!(Any an_axis_with_elements "var", |_, x, c| x[0].var(c.axis, c.numbers[0] % 2)),
        case!(Any "std", |tape, x, _| {
            // More elements, so that there is always some variance to divide by.
            let more = tape.constant(Tensor::from([-1.0, 0.5, 2.0]));
            Var::cat(&[x[0].reshape([x[0].value().numel()])?, more], 0)?.std(.., 0)
        }),
        case!(Any an_axis "std along an axis", |tape, x, c| {
            let mut sizes = x[0].shape().to_vec();
            let axis = sizes.len() - c.axis.unsigned_abs();
            sizes[axis] = 1;
            let ends = [-3.0, 4.0].map(|end| Ok(tape.constant(Tensor::full(Shape::new(&sizes)?, end)?)));
            let [low, high]: [Result<_, Error>; 2] = ends;
            Var::cat(&[low?, x[0].clone(), high?], c.axis)?.std(keepdim(c.axis), 1)
        }),
        case!(Any an_axis_with_elements "max", |_, x, c| x[0].max(c.axis)),
        case!(Any an_axis_with_elements "min", |_, x, c| x[0].min(keepdim(c.axis))),
        case!(Any an_axis "prod", |_, x, c| x[0].prod(c.axis)),
        case!(Any "prod with a zero", |tape, x, _| {
            let mut mask = Tensor::ones(x[0].shape())?;
            if let Some(first) = mask.as_mut_slice().first_mut() {
                *first = 0.0;
            }
            x[0].mul(&tape.constant(mask))?.prod(..)
        }),
        case!(Any an_axis_with_elements "logsumexp", |_, x, c| x[0].logsumexp(c.axis)),
        case!(Any an_axis "softmax", |_, x, c| x[0].softmax(c.axis)),
        case!(Any an_axis "log_softmax", |_, x, c| x[0].log_softmax(c.axis)),
        case!(Any a_matrix_with_elements "matmul", |_, x, _| x[0].matmul(&x[2].transpose(-1, -2)?)),
        case!(Any a_matrix_with_elements "matmul with one matrix", |_, x, _| {
            let matrix = (0..x[2].rank() - 2).try_fold(x[2].clone(), |m, _| m.select(0, 0))?;
            x[0].matmul(&matrix.transpose(0, 1)?)
        }),
        case!(Any a_matrix_with_elements "matmul with a vector", |_, x, _| {
            let vector = (0..x[2].rank() - 1).try_fold(x[2].clone(), |m, _| m.select(0, 0))?;
            x[0].matmul(&vector)?.add(&vector.matmul(&x[0].transpose(-1, -2)?)?)?.add(&vector.matmul(&vector)?)
        }),
        case!(Any an_axis "reshape", |_, x, _| x[0].reshape([x[0].value().numel(), 1])?.mul(&x[0].flatten(0, -1)?.reshape([x[0].value().numel(), 1])?)),
        case!(Any "squeeze", |_, x, c| x[0].unsqueeze(c.axis)?.squeeze(c.axis)),
        case!(Any "unsqueeze", |_, x, c| x[0].unsqueeze(c.axis)),
        case!(Any an_axis "transpose", |_, x, c| x[0].transpose(0, c.axis)?.exp().transpose(c.axis, 0)),
        case!(Any "permute", |_, x, _| {
            let turned: Vec<isize> = (0..x[0].rank() as isize).map(|axis| axis - 1).collect();
            Ok(x[0].permute(&turned)?.exp())
        }),
        case!(Any "broadcast_to", |_, x, _| x[1].broadcast_to(x[1].shape().broadcast("test", *x[0].shape())?)),
        case!(Any an_axis "narrow", |_, x, c| {
            let size = x[0].shape()[x[0].rank() - 1];
            let start = c.numbers[0] % size.max(1);
            x[0].narrow(-1, start, size - start)
        }),
        case!(Any an_axis_with_elements "slice", |_, x, c| {
            let size = x[0].shape()[x[0].rank() - 1];
            x[0].slice(-1, 0..size, [-2, -1, 1, 2][c.numbers[0] % 4])?.add(&x[0].slice(-1, 0..1, 1)?)
        }),
        case!(Any an_axis_with_elements "select", |_, x, c| {
            let size = x[0].shape()[(c.axis + x[0].rank() as isize) as usize % x[0].rank()];
            x[0].select(c.axis, c.numbers[1] % size)
        }),
        case!(Any an_axis "cat", |_, x, c| Var::cat(&[x[0].clone(), x[2].exp(), x[0].clone()], c.axis)),
        case!(Any "stack", |_, x, c| Var::stack(&[x[0].clone(), x[2].exp()], c.axis)),
        case!(Any elements "split and chunk", |_, x, _| {
            let parts = x[0].reshape([x[0].value().numel()])?.chunk(2, 0)?;
            Var::cat(&[parts[0].exp(), parts[parts.len() - 1].square()], 0)
        }),
        case!(Any an_axis_with_elements "index_select", |_, x, c| {
            let size = x[0].shape()[x[0].rank() - 1];
            x[0].index_select(-1, &Tensor::from([c.numbers[0] % size, 0, c.numbers[1] % size]))
        }),
        case!(Any an_axis_with_elements "gather", |_, x, c| x[0].gather(-1, &positions(&x[0], c))),
        case!(Any an_axis_with_elements "scatter_add", |_, x, c| x[0].scatter_add(-1, &positions(&x[0], c), &x[2])),
        case!(Any an_axis_with_elements "index_add", |_, x, c| {
            let size = x[0].shape()[x[0].rank() - 1];
            let index: Vec<usize> = (0..size).map(|k| (k * 2 + c.numbers[0]) % size).collect();
            x[0].index_add(-1, &Tensor::from_vec(index, [size])?, &x[2])
        }),
        case!(Any "a shared input", |_, x, _| x[0].mul(&x[0])?.mul(&x[0].exp())),
    ]
}

/// Positions along the last axis, some of them repeated.
fn positions(x: &Var<'_, f64>, choice: &Choice) -> Tensor<usize> {
    let size = x.shape()[x.rank() - 1];
    let index = (0..x.value().numel()).map(|k| (k * 3 + choice.numbers[0]) % size).collect();
    Tensor::from_vec(index, x.shape()).unwrap()
}

/// Two shapes that broadcast; the first of rank 0 to 5, to which an axis can be added, now and then with an axis of size 0.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (0usize..=5).prop_flat_map(|rank| {
        // Differences cost the square of the element count, so many axes are short ones.
        let longest: usize = if rank > 4 { 2 } else { 3 };
        let size = prop_oneof![19 => 1..=longest, 1 => Just(0usize)];
        prop::collection::vec((size, any::<bool>()), rank).prop_flat_map(|axes| {
            let full: Vec<usize> = axes.iter().map(|&(n, _)| n).collect();
            let other: Vec<usize> = axes.iter().map(|&(n, one)| if one { 1 } else { n }).collect();
            (0..=other.len()).prop_map(move |skip| (full.clone(), other[skip..].to_vec()))
        })
    })
}

/// Random numbers of a domain, stored in an order of axes other than row-major, backward along
/// one of them, so that no kernel can rely on contiguous inputs.
fn input(sizes: &[usize], domain: Domain, seed: u64) -> Tensor<f64> {
    let stored: Vec<usize> = sizes.iter().rev().copied().collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let shape = Shape::new(&stored).unwrap();
    let numbers = Tensor::normal(shape, 0.0, 1.0, &mut rng).unwrap().map(|x: f64| match domain {
        Domain::Any => x,
        Domain::Positive => x.abs() + 0.3,
        Domain::NotZero => x + 0.3 * x.signum(),
    });
    let axes: Vec<isize> = (0..sizes.len() as isize).rev().collect();
    let turned = numbers.permute(&axes).unwrap();
    if sizes.is_empty() { turned } else { turned.slice(0, 0..sizes[0], -1).unwrap() }
}

/// Runs a case; returns whether the tape recorded an operation of its name.
fn check(case: &Case) -> Result<bool, String> {
    let covered = Cell::new(false);
    let strategy = (shapes(), any::<u64>(), any::<usize>(), any::<[u8; 2]>());
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() });
    let run = runner.run(&strategy, |((full, other), seed, back, numbers)| {
        if !(case.takes)(&full) {
            return Ok(());
        }
        let back = 1 + back % full.len().max(1);
        let inputs = [
            input(&full, case.domain, seed),
            input(&other, case.domain, seed ^ 1),
            input(&full, case.domain, seed ^ 2),
        ];
        let mut choice = Choice { axis: -(back as isize), numbers: numbers.map(usize::from) };
        // One element has no unbiased variance.
        if case.name == "var" && full[full.len() - back] == 1 {
            choice.numbers[0] = 0;
        }
        let result = gradcheck(
            |tape, x| {
                let y = (case.apply)(tape, x, &choice);
                covered.set(covered.get() || tape.ops().contains(&case.name));
                y
            },
            &inputs,
        );
        result.map_err(|error: GradcheckError| TestCaseError::fail(error.to_string()))
    });
    match run {
        Ok(()) => Ok(covered.get()),
        Err(TestError::Fail(reason, value)) => Err(format!("{}: {reason} at {value:?}", case.name)),
        Err(error) => Err(format!("{}: {error}", case.name)),
    }
}

/// Every source file under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The names under which the sources record.
fn recorded_in_sources() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap().lines().map(str::trim);
        let text = code.clone().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join(" ");
        for call in
            ["record(", "record_list(", "record_part(", "unary(", "extreme(", "extreme_along(", "joined("]
        {
            for (at, _) in text.match_indices(call) {
                let argument = text[at + call.len()..].trim_start();
                match argument.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    Some(name) => _ = names.insert(name.to_string()),
                    // A definition, a name handed on, or the table of functions below.
                    None => assert!(
                        ["&self", "op", "stringify!"].iter().any(|known| argument.starts_with(known)),
                        "{}: {call} with a name that this search cannot read: {argument:.40}",
                        file.display()
                    ),
                }
            }
        }
        // The table of functions: `name: x => derivative;`.
        for line in code {
            if let Some((name, rest)) = line.split_once(": ")
                && (rest.starts_with("x => ") || rest.starts_with("y => "))
            {
                names.insert(name.to_string());
            }
        }
    }
    names
}

#[test]
fn every_operation_passes_gradcheck_and_none_is_missing() {
    let (mut failures, mut covered) = (Vec::new(), BTreeSet::new());
    for case in cases() {
        match check(&case) {
            Ok(true) => _ = covered.insert(case.name.to_string()),
            Ok(false) => {}
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let sources = recorded_in_sources();
    for known in ["add", "tanh", "narrow", "cat", "max", "index_add", "softplus"] {
        assert!(sources.contains(known), "the search of the sources no longer finds `{known}`");
    }
    let missing: Vec<&String> = sources.difference(&covered).collect();
    assert!(
        missing.is_empty(),
        "operations without a gradcheck: {missing:?}; add a case of that name for each to this file"
    );
}
