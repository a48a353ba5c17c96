//! What came of the training: a text, JSON, and the confusion matrix as a picture.

use std::path::PathBuf;

use refrain_examples::{
    Result,
    classifier::{Answer, Words, likeliest},
    heatmap::Heatmap,
    program::Fallible,
    training::History,
};
use refrain_metrics::ConfusionMatrix;
use serde_json::{Value, json};

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
    pub(crate) history: History,
    pub(crate) padding: Padding,
    /// Of the test words.
    pub(crate) matrix: ConfusionMatrix,
    /// Of the test words, in nats.
    pub(crate) log_loss: f64,
    /// The words that the user asked for.
    pub(crate) answers: Vec<Answer>,
    /// Where the model is.
    pub(crate) model: PathBuf,
}

/// The test words by what they are and what they are taken for.
pub(crate) fn matrix(words: &Words, probabilities: &[f32]) -> Fallible<ConfusionMatrix> {
    let classes = words.code.labels.len();
    let forecasts: Vec<usize> = probabilities.chunks_exact(classes).map(|row| likeliest(row).0).collect();
    let outcomes: Vec<usize> = words.test.iter().map(|&(_, class)| class).collect();
    let mut matrix = ConfusionMatrix::new(classes)?.named(words.code.labels.tokens().iter().cloned())?;
    matrix.update(&forecasts, &outcomes)?;
    Ok(matrix)
}

/// The words that somebody asked for, one a line.
pub(crate) fn lines(answers: &[Answer]) -> String {
    let line = |Answer { word, label, probability }: &Answer| {
        format!("{word} -> {label} ({:.1} %)\n", 100.0 * probability)
    };
    answers.iter().map(line).collect()
}

/// The same as JSON.
pub(crate) fn json(answers: &[Answer]) -> Vec<Value> {
    let answer = |Answer { word, label, probability }: &Answer| json!({ "word": word, "class": label, "probability": probability });
    answers.iter().map(answer).collect()
}

impl Report {
    /// The whole story.
    pub(crate) fn text(&self, words: &Words) -> String {
        let Self { parameters, history, padding, matrix, log_loss, answers, model } = self;
        let [learning, validation, test] = [&words.learning, &words.validation, &words.test].map(Vec::len);
        let (epochs, best, asked) = (history.curve.0.len(), history.best, lines(answers));
        let model = model.display();
        format!(
            "What is this word? {} classes; {learning} words to learn from, {validation} to choose the epoch by, \
             {test} to test on.\n\
             A bidirectional GRU with {parameters} parameters, {epochs} epochs, best after {best}.\n\
             Padding in a batch: {:.1} % with batches of like length, {:.1} % with a plain shuffle.\n\n\
             {matrix}\n\n\
             Accuracy {:.4}, macro F1 {:.4}, log loss {log_loss:.4} on the test words.\n\
             The model is saved; what follows, the saved one says.\nModel: {model}\n\n{asked}",
            matrix.names().len(),
            100.0 * padding.bucketed,
            100.0 * padding.shuffled,
            matrix.accuracy(),
            matrix.macro_average().f1,
        )
    }

    /// The last line.
    pub(crate) fn end(&self) -> String {
        let right = 100.0 * self.matrix.accuracy();
        self.history.end(format!("names: {right:.1} % of {} test words right", self.matrix.count()))
    }

    /// The figures of the text.
    pub(crate) fn json(&self) -> Value {
        json!({
            "parameters": self.parameters,
            "epochs": self.history.curve.0.len(),
            "best_epoch": self.history.best,
            "resume": self.history.resume(),
            "model": self.model.display().to_string(),
            "padding_share": { "shuffled": self.padding.shuffled, "bucketed": self.padding.bucketed },
            "classes": self.matrix.names(),
            "confusion": self.matrix.rows().collect::<Vec<_>>(),
            "accuracy": self.matrix.accuracy(),
            "macro_f1": self.matrix.macro_average().f1,
            "log_loss": self.log_loss,
            "words": json(&self.answers),
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
