//! [`Graph`]: what is on a tape, to be looked at.

use std::{collections::BTreeMap, fmt};

use refrain_tensor::{Element, Real, Shape};

use crate::{
    Parameter, ParameterId, Tape,
    list::{CONSTANT, List, Way},
};

/// What is recorded on a tape: the nodes in their order, with their inputs and shapes. Displayed, it
/// is a graph in the DOT language, which [Graphviz](https://graphviz.org) and many editors draw.
///
/// A graph is a copy of the list without the values and the ways back, so it changes nothing, and
/// it costs next to nothing where nobody asks for it. Two tapes with the same recording give the same text.
///
/// | drawn as | what it is |
/// | --- | --- |
/// | a filled box | a parameter, by its name where [`with_names`](Self::with_names) gave one |
/// | an ellipse | a [variable](Tape::variable) |
/// | a rounded box | a computation, with the shape of its value or with the number of its values |
/// | a dashed box | a computation whose backward has run |
/// | a small circle | an input that no gradient flows to |
///
/// ```
/// use refrain_autograd::{Parameter, Tape};
/// use refrain_tensor::Tensor;
/// let (w, b) = (Parameter::new(Tensor::from([[0.5, -0.25]])), Parameter::new(Tensor::from([0.1])));
/// let tape = Tape::new();
/// let x = tape.constant(Tensor::from([[1.0], [2.0]]));
/// let loss = x.matmul(&tape.parameter(&w))?.add(&tape.parameter(&b))?.square().sum(..)?;
///
/// let graph = tape.graph().with_names([("weight", &w), ("bias", &b)]);
/// assert_eq!(graph.nodes().len(), tape.len());
/// assert_eq!(graph.nodes()[1].inputs(), [None, Some(0)]); // the constant x, and the weight
/// assert_eq!(graph.nodes()[1].constants(), [[2, 1]]);
/// let text = graph.to_string();
/// assert!(text.starts_with("digraph tape {"));
/// assert!(text.contains(r#"n0 [label="weight\n[1, 2]", shape=box, style=filled"#));
/// assert!(text.contains(r#"n1 [label="matmul\n[2, 2]""#));
/// # assert_eq!(loss.value().numel(), 1);
/// # Ok::<(), refrain_autograd::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<GraphNode>,
    names: BTreeMap<ParameterId, String>,
}

/// One node of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    op: &'static str,
    shape: Shape,
    inputs: Vec<Option<usize>>,
    constants: Vec<Shape>,
    kind: Kind,
}

/// What a node is, as far as the drawing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Parameter(ParameterId),
    Variable,
    Computation,
    /// A computation of so many values, each a node behind it.
    Values(usize),
    /// The value of that number of its input.
    Value(usize),
    Spent,
}

impl GraphNode {
    /// The name that the node was recorded under: `matmul`, `parameter`, `lstm`.
    pub fn op(&self) -> &'static str {
        self.op
    }

    /// The shape of the value; `[0]` for a computation of several, whose values are nodes of their
    /// own.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The places of the inputs in the list; `None` for a constant.
    pub fn inputs(&self) -> &[Option<usize>] {
        &self.inputs
    }

    /// The shapes of the constants among the inputs, in their order.
    pub fn constants(&self) -> &[Shape] {
        &self.constants
    }

    /// The parameter that the node stands for, or `None`.
    pub fn parameter(&self) -> Option<ParameterId> {
        match self.kind {
            Kind::Parameter(id) => Some(id),
            _ => None,
        }
    }
}

impl<T: Real> Tape<T> {
    /// The nodes recorded so far, to be drawn or counted. Ask before the way back: it runs all the
    /// same after it, but computations are then drawn as spent.
    pub fn graph(&self) -> Graph {
        let list = self.list().borrow();
        Graph { nodes: (0..list.nodes.len()).map(|k| node(&list, k)).collect(), names: BTreeMap::new() }
    }
}

fn node<T>(list: &List<T>, index: usize) -> GraphNode {
    let node = &list.nodes[index];
    let end = list.nodes.get(index + 1).map_or(list.inputs.len(), |next| next.first_input as usize);
    let places = node.first_input as usize..end;
    let constant = |place: usize| list.constants.partition_point(|&(at, _)| (at as usize) < place);
    let constants = &list.constants[constant(places.start)..constant(end)];
    let inputs = list.inputs[places].iter();
    GraphNode {
        op: node.op,
        shape: node.shape,
        inputs: inputs.map(|&input| (input != CONSTANT).then_some(input as usize)).collect(),
        constants: constants.iter().map(|&(_, shape)| shape).collect(),
        kind: match &node.way {
            Way::Parameter(id) => Kind::Parameter(*id),
            Way::Variable => Kind::Variable,
            Way::Op(_) | Way::Part(_) => Kind::Computation,
            Way::Outputs(count, _) => Kind::Values(*count),
            Way::Output(k) => Kind::Value(*k),
            Way::Spent => Kind::Spent,
        },
    }
}

impl Graph {
    /// The nodes in the order of their recording, which is a topological order.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// The graph with names for parameters, such as those that a module's `named_parameters` gives. A
    /// name for a parameter that is not on the tape is not used.
    pub fn with_names<'p, T: Element, N: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = (N, &'p Parameter<T>)>,
    ) -> Self {
        self.names.extend(names.into_iter().map(|(name, parameter)| (parameter.id(), name.into())));
        self
    }

    /// What is written into a node, and how it is drawn.
    fn look(&self, node: &GraphNode) -> (String, &'static str) {
        let (op, shape) = (node.op, &node.shape);
        match node.kind {
            Kind::Parameter(id) => {
                let name = self.names.get(&id).map_or(op, String::as_str);
                (format!("{name}\n{shape}"), "shape=box, style=filled, fillcolor=\"#cde3f3\"")
            }
            Kind::Variable => (format!("{op}\n{shape}"), "shape=ellipse"),
            Kind::Computation => (format!("{op}\n{shape}"), "shape=box, style=rounded"),
            Kind::Values(1) => (format!("{op}\n1 value"), "shape=box, style=rounded"),
            Kind::Values(count) => (format!("{op}\n{count} values"), "shape=box, style=rounded"),
            Kind::Value(k) => (format!("{op} {k}\n{shape}"), "shape=box, style=rounded"),
            Kind::Spent => (format!("{op}\n{shape}"), "shape=box, style=\"rounded,dashed\""),
        }
    }
}

/// The graph in the DOT language, from the leaves at the top down to the result.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph tape {{\n  node [fontname=\"sans-serif\", fontsize=11];")?;
        for (k, node) in self.nodes.iter().enumerate() {
            let (label, style) = self.look(node);
            writeln!(f, "  n{k} [label=\"{}\", {style}];", Escaped(&label))?;
            let mut constants = node.constants.iter();
            for (place, input) in node.inputs.iter().enumerate() {
                match input {
                    Some(input) => writeln!(f, "  n{input} -> n{k};")?,
                    None => {
                        let shape = constants.next().map(Shape::to_string).unwrap_or_default();
                        writeln!(
                            f,
                            "  c{k}_{place} [label=\"{shape}\", tooltip=\"constant\", shape=plaintext];"
                        )?;
                        writeln!(f, "  c{k}_{place} -> n{k};")?;
                    }
                }
            }
        }
        writeln!(f, "}}")
    }
}

/// A text as it stands between quotes in the DOT language. Graphviz reads a backslash as the start
/// of an escape and an ampersand as the start of an HTML entity, and no text with a zero byte.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_str("\\n"),
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            '&' => f.write_str("&amp;"),
            c if c.is_control() => f.write_str("\u{fffd}"),
            c => fmt::Write::write_char(f, c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use refrain_tensor::Tensor;

    /// A tape with a node of every kind, and its graph before the way back and after it.
    fn graphs() -> (Graph, Graph) {
        let p = Parameter::new(Tensor::from([2.0, 3.0]));
        let tape = Tape::new();
        let (w, x) = (tape.parameter(&p), tape.variable(Tensor::from([1.0, 1.0])));
        let scaled = w.mul(&tape.constant(Tensor::from(4.0))).unwrap();
        let both = tape
            .record_outputs("pair", &[&scaled, &x], vec![scaled.value().clone(); 2], |mut g, _| {
                Ok(vec![g[0].take(), g[1].take()])
            })
            .unwrap();
        let sum = both[0].add(&both[1]).unwrap().select(0, 1).unwrap();
        let before = tape.graph().with_names([("w", &p)]);
        sum.backward().unwrap();
        (before, tape.graph().with_names([("w", &p)]))
    }

    #[test]
    fn a_graph_of_every_kind_of_node() {
        let (before, after) = graphs();
        let rounded = "shape=box, style=rounded";
        let expected = [
            "digraph tape {",
            "  node [fontname=\"sans-serif\", fontsize=11];",
            "  n0 [label=\"w\\n[2]\", shape=box, style=filled, fillcolor=\"#cde3f3\"];",
            "  n1 [label=\"variable\\n[2]\", shape=ellipse];",
            &format!("  n2 [label=\"mul\\n[2]\", {rounded}];"),
            "  n0 -> n2;",
            "  c2_1 [label=\"[]\", tooltip=\"constant\", shape=plaintext];",
            "  c2_1 -> n2;",
            &format!("  n3 [label=\"pair\\n2 values\", {rounded}];"),
            "  n2 -> n3;",
            "  n1 -> n3;",
            &format!("  n4 [label=\"output 0\\n[2]\", {rounded}];"),
            "  n3 -> n4;",
            &format!("  n5 [label=\"output 1\\n[2]\", {rounded}];"),
            "  n3 -> n5;",
            &format!("  n6 [label=\"add\\n[2]\", {rounded}];"),
            "  n4 -> n6;",
            "  n5 -> n6;",
            &format!("  n7 [label=\"select\\n[]\", {rounded}];"),
            "  n6 -> n7;",
            "}",
        ];
        assert_eq!(before.to_string().lines().collect::<Vec<_>>(), expected);
        // Leaves stay; what was computed is spent. Places and inputs are the same.
        let dashed = after.to_string();
        assert_eq!(dashed.matches("style=\"rounded,dashed\"").count(), 6, "{dashed}");
        assert_eq!((dashed.matches("ellipse").count(), dashed.matches("filled").count()), (1, 1));
        let inputs = |graph: &Graph| graph.nodes().iter().map(|n| n.inputs().to_vec()).collect::<Vec<_>>();
        assert_eq!(inputs(&before), inputs(&after));
    }

    #[test]
    fn the_same_recording_gives_the_same_text() {
        assert_eq!(graphs().0.to_string(), graphs().0.to_string());
    }

    #[test]
    fn names_are_escaped_and_those_of_other_parameters_are_not_used() {
        let (p, other) = (Parameter::new(Tensor::from(1.0)), Parameter::new(Tensor::from(1.0)));
        let tape = Tape::new();
        let leaf = tape.parameter(&p);
        let graph = tape.graph().with_names([("other", &other)]);
        assert!(graph.to_string().contains("label=\"parameter\\n[]\""));
        assert_eq!((graph.nodes()[0].parameter(), graph.nodes()[0].op()), (Some(p.id()), "parameter"));
        let cases = [
            ("plain", "plain"),
            ("say \"so\"", "say \\\"so\\\""),
            ("a\\nb", "a\\\\nb"),
            ("a\nb", "a\\nb"),
            ("a &lt; b", "a &amp;lt; b"),
            ("tab\tand\0zero", "tab\u{fffd}and\u{fffd}zero"),
            ("größe → ∂", "größe → ∂"),
        ];
        for (name, written) in cases {
            let text = tape.graph().with_names([(name, &p)]).to_string();
            assert!(text.contains(&format!("n0 [label=\"{written}\\n[]\"")), "{name:?}: {text}");
        }
        drop(leaf);
    }

    #[test]
    fn nothing_recorded_is_an_empty_graph() {
        let graph = Tape::<f32>::inference().graph();
        assert!(graph.nodes().is_empty());
        assert_eq!(graph.to_string().lines().count(), 3);
    }
}
