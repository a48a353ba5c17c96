//! What came of the training: a text, JSON, and the confusion matrix as a picture.

use refrain_examples::{Result, heatmap::Heatmap, program::Fallible};
use refrain_metrics::ConfusionMatrix;
use serde_json::{Value, json};

use crate::{network::Classifier, words::Words};

/// The share of a padded batch that is padding.
pub(crate) struct Padding {
    /// With batches as a shuffle makes them.
    pub(crate) shuffled: f64,
    /// With batches of like length.
    pub(crate) bucketed: f64,
}

/// What there is to tell.
pub(crate) struct Report {
    pub(crate) parameters: usize,
    pub(crate) epochs: usize,
    pub(crate) best: usize,
    pub(crate) padding: Padding,
    /// Of the test words.
    pub(crate) matrix: ConfusionMatrix,
    /// Of the test words, in nats.
    pub(crate) log_loss: f64,
    /// The words that the user asked for: each with its likeliest class and the probability of that.
    pub(crate) answers: Vec<(String, String, f32)>,
}

/// The test words by what they are and what they are taken for.
pub(crate) fn matrix(words: &Words, probabilities: &[f32]) -> Fallible<ConfusionMatrix> {
    let classes = words.labels.len();
    let forecasts: Vec<usize> = probabilities.chunks_exact(classes).map(|row| likeliest(row).0).collect();
    let outcomes: Vec<usize> = words.test.iter().map(|&(_, class)| class).collect();
    let mut matrix = ConfusionMatrix::new(classes)?.named(words.labels.tokens().iter().cloned())?;
    matrix.update(&forecasts, &outcomes)?;
    Ok(matrix)
}

/// The likeliest class of each word, and its probability.
pub(crate) fn classify(
    asked: &[String],
    words: &Words,
    network: &Classifier,
) -> Fallible<Vec<(String, String, f32)>> {
    let letters = asked.iter().map(|word| words.encode(word)).collect::<Fallible<Vec<_>>>()?;
    let probabilities = network.probabilities(&letters)?;
    let rows = probabilities.chunks_exact(words.labels.len());
    let answer = |(word, row): (&String, &[f32])| {
        let (class, probability) = likeliest(row);
        Ok((word.clone(), words.labels.token(class)?.clone(), probability))
    };
    asked.iter().zip(rows).map(answer).collect()
}

fn likeliest(row: &[f32]) -> (usize, f32) {
    let best = row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    best.unwrap_or((0, f32::NAN))
}

impl Report {
    /// The whole story.
    pub(crate) fn text(&self, words: &Words) -> String {
        let Self { parameters, epochs, best, padding, matrix, log_loss, answers } = self;
        let [learning, validation, test] = [&words.learning, &words.validation, &words.test].map(Vec::len);
        let asked: String = answers
            .iter()
            .map(|(word, class, p)| format!("{word} -> {class} ({:.1} %)\n", 100.0 * p))
            .collect();
        format!(
            "What is this word? {} classes; {learning} words to learn from, {validation} to choose the epoch by, \
             {test} to test on.\n\
             A bidirectional GRU with {parameters} parameters, {epochs} epochs, best after {best}.\n\
             Padding in a batch: {:.1} % with batches of like length, {:.1} % with a plain shuffle.\n\n\
             {matrix}\n\n\
             Accuracy {:.4}, macro F1 {:.4}, log loss {log_loss:.4} on the test words.\n\n{asked}",
            matrix.names().len(),
            100.0 * padding.bucketed,
            100.0 * padding.shuffled,
            matrix.accuracy(),
            matrix.macro_average().f1,
        )
    }

    /// The last line.
    pub(crate) fn end(&self) -> String {
        format!("names: {:.1} % of {} test words right", 100.0 * self.matrix.accuracy(), self.matrix.count())
    }

    /// The figures of the text.
    pub(crate) fn json(&self) -> Value {
        let answer = |(word, class, probability): &(String, String, f32)| json!({ "word": word, "class": class, "probability": probability });
        json!({
            "parameters": self.parameters,
            "epochs": self.epochs,
            "best_epoch": self.best,
            "padding_share": { "shuffled": self.padding.shuffled, "bucketed": self.padding.bucketed },
            "classes": self.matrix.names(),
            "confusion": self.matrix.rows().collect::<Vec<_>>(),
            "accuracy": self.matrix.accuracy(),
            "macro_f1": self.matrix.macro_average().f1,
            "log_loss": self.log_loss,
            "words": self.answers.iter().map(answer).collect::<Vec<_>>(),
        })
    }

    /// The confusion matrix.
    pub(crate) fn picture(&self) -> Result<String> {
        let title =
            format!("{} test words, {:.1} % right", self.matrix.count(), 100.0 * self.matrix.accuracy());
        let (names, counts) = (self.matrix.names(), self.matrix.rows().collect());
        Heatmap { title, rows: "what it was", columns: "what the network said", names, counts }.svg()
    }
}
