//! A progress bar.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `steps` steps on standard error that says what is being done, how far it has come and
/// how long it will still take. Threads share it: `bar.inc(1)` is a step, whoever makes it.
///
/// Where standard error is not a terminal, nothing is drawn.
///
/// ```
/// let bar = refrain_examples::progress::bar(3, "training");
/// (0..3).for_each(|_| bar.inc(1));
/// assert_eq!(bar.position(), 3);
/// bar.finish_and_clear();
/// ```
pub fn bar(steps: usize, doing: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64).with_message(doing);
    let template = "{msg} [{wide_bar}] {percent:>3} %, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar, // a template that cannot be read costs the looks alone
    }
}
