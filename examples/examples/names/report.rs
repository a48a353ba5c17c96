//! What came of the training: a text, JSON, and the confusion matrix as a picture.

use std::path::PathBuf;

use refrain_examples::{
    Result,
    classifier::{Answer, Padding, Test, Training, Words},
    heatmap::Heatmap,
};
use serde_json::{Value, json};

/// What there is to tell.
pub(crate) struct Report {
    pub(crate) parameters: usize,
    pub(crate) training: Training,
    pub(crate) test: Test,
    /// The words that the user asked for.
    pub(crate) answers: Vec<Answer>,
    /// Where the model is.
    pub(crate) model: PathBuf,
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
        let Self { parameters, training: Training { history, padding }, test, answers, model } = self;
        let Test { matrix, log_loss } = test;
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
        let matrix = &self.test.matrix;
        let (right, count) = (100.0 * matrix.accuracy(), matrix.count());
        self.training.history.end(format!("names: {right:.1} % of {count} test words right"))
    }

    /// The figures of the text.
    pub(crate) fn json(&self) -> Value {
        let Training { history, padding: Padding { shuffled, bucketed } } = &self.training;
        let Test { matrix, log_loss } = &self.test;
        json!({
            "parameters": self.parameters,
            "epochs": history.curve.0.len(),
            "best_epoch": history.best,
            "resume": history.resume(),
            "model": self.model.display().to_string(),
            "padding_share": { "shuffled": shuffled, "bucketed": bucketed },
            "classes": matrix.names(),
            "confusion": matrix.rows().collect::<Vec<_>>(),
            "accuracy": matrix.accuracy(),
            "macro_f1": matrix.macro_average().f1,
            "log_loss": log_loss,
            "words": json(&self.answers),
        })
    }

    /// The confusion matrix.
    pub(crate) fn picture(&self) -> Result<String> {
        let matrix = &self.test.matrix;
        let title = format!("{} test words, {:.1} % right", matrix.count(), 100.0 * matrix.accuracy());
        let (names, counts) = (matrix.names(), matrix.rows().collect());
        Heatmap { title, rows: "what it was", columns: "what the network said", names, counts }.svg()
    }
}
