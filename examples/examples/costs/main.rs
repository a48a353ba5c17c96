//! Where does a network's work go? A convolutional, a dense and a recurrent network on the same
//! images: what each layer has in parameters, in multiply-accumulates and in time.
//!
//! ```text
//! cargo run --release --example costs
//! cargo run --release --example costs -- --batch 1
//! cargo run --release --example costs -- --json
//! ```
//!
//! The counts come from `refrain_nn::summary`, which takes any model; the times are measured here.
//! `networks` has the three networks, `measure` times them, `report` says what came of it.

mod measure;
mod networks;
mod report;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, value_parser};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use refrain_examples::{
    bars, plot,
    program::{self, Fallible, OutputFolder},
    screen,
};
use refrain_nn::summary;

use networks::{Network, Recurrent, SIDE};
use report::Counted;

/// Where a network's work goes: parameters, multiply-accumulates and time, layer by layer.
#[derive(Parser)]
#[command(name = "costs")]
struct Arguments {
    /// How many images are computed at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = value_parser!(u16).range(1..=4096))]
    batch: u16,
    /// How often each network is timed; the median counts
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = value_parser!(u16).range(1..=10_000))]
    repeats: u16,
    /// The folder for the figure, costs.svg
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print the figures as JSON; files are written all the same
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::end("costs", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Fallible<()> {
    let out = OutputFolder::open(&arguments.out)?;
    let (batch, repeats) = (usize::from(arguments.batch), usize::from(arguments.repeats));
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(7);
    let networks: [(&str, Box<dyn Network>); 3] = [
        ("convolutional", Box::new(networks::convolutional(rng)?)),
        ("dense", Box::new(networks::dense(rng)?)),
        ("recurrent", Box::new(Recurrent::new(rng)?)),
    ];
    let mut counted = Vec::new();
    for (name, network) in networks {
        let costs = summary(&*network, [batch, 1, SIDE, SIDE])?;
        let times = measure::measure(&*network, batch, repeats, rng)?;
        counted.push(Counted { name, costs, times });
    }

    let path = out.file("costs.svg");
    let (measures, groups) = report::bars(&counted);
    let title = format!("Where the work goes, batch of {batch}");
    plot::write(&path, &bars::svg(&title, &measures, &groups, 860)?)?;

    let text = if arguments.json {
        format!("{:#}\n", report::json(&counted, batch as u64))
    } else {
        let mut tables: Vec<String> = counted.iter().map(|network| network.table().to_string()).collect();
        tables.push(report::comparison(&counted).to_string());
        tables.push(ABOUT_CONVOLUTIONS.to_owned());
        tables.push(report::positions(&counted[0], batch as u64).to_string());
        tables.push(ABOUT_SHARING.to_owned());
        format!(
            "A batch of {batch}, images of {SIDE} · {SIDE} numbers. A MAC is a multiplication with its addition;\n\
             those of products with weights are counted.\n\n{}\n\nFigure: {}\n",
            tables.join("\n\n"),
            path.display()
        )
    };
    Ok(screen::show(&text)?)
}

const ABOUT_CONVOLUTIONS: &str = "\
The lecture's formula for a convolution, in_channels · out_channels · k · k, has no positions: it is
the cost of one position, and the number of weights. The kernel is applied at every position of the
output, so a layer costs that times the positions. For a dense layer, batch · in · out is all of it.";

const ABOUT_SHARING: &str = "\
So MACs a weight tell who shares: the dense network uses a weight once an image, the recurrent one
at each of its 28 steps, a convolution at each of its positions. Going back costs twice the
MACs of a pass forward: a product for the gradient of the weights, one for that of the input. Only the
first layer needs the first of them alone, for its input is data. In time a convolution pays more on
the way back, for it lays its windows out in columns there, and reads the image in place on the way
forward. What an RNN keeps for the way back grows with the steps, and so with the sequence; its weights
do not. Its first step counts like the others; the product with a first state of zeros is left out.";
