//! The editions of the lecture differ in words alone, so that neither falls behind the other.

const ENGLISH: &str = include_str!("../../../docs/lecture.md");
const CHINESE: &str = include_str!("../../../docs/lecture.zh.md");

/// What does not depend on the language: levels of headings, pictures, rows of tables, items of
/// lists, paragraphs as such, and code without comments.
fn skeleton(document: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut language = None;
    for line in document.lines() {
        match (language, line.strip_prefix("```")) {
            (None, Some(opened)) => {
                language = Some(opened);
                parts.push(format!("a block of {opened}"));
            }
            (Some(_), Some(_)) => language = None,
            (Some("rust"), None) => parts.push(without_comment(line, "//")),
            (Some("python"), None) => parts.push(without_comment(line, "# ")),
            (Some(_), None) => {}
            (None, None) => parts.extend(mark(line)),
        }
    }
    parts
}

fn without_comment(line: &str, sign: &str) -> String {
    line.split(sign).next().unwrap_or_default().trim_end().to_owned()
}

/// A picture's file; the signs that open a heading, a row of a table or a fold; what else a line is.
/// A paragraph is one line in the documents.
fn mark(line: &str) -> Option<String> {
    if line.starts_with("![") {
        return line.rsplit_once('(').map(|(_, file)| file.to_owned());
    }
    let signs: String = line.chars().take_while(|sign| matches!(sign, '#' | '|' | '<')).collect();
    let is_item =
        line.starts_with("- ") || line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ");
    match signs.as_str() {
        "" if line.is_empty() => None,
        "" if is_item => Some("an item".to_owned()),
        "" => Some("a paragraph".to_owned()),
        _ => Some(signs),
    }
}

#[test]
fn the_editions_have_the_same_code_pictures_and_paragraphs() {
    let (english, chinese) = (skeleton(ENGLISH), skeleton(CHINESE));
    for (place, (of_english, of_chinese)) in english.iter().zip(&chinese).enumerate() {
        assert_eq!(of_english, of_chinese, "part {place}, after {:?}", english[..place].last());
    }
    assert_eq!(english.len(), chinese.len());
}

#[test]
fn the_skeleton_sees_code_and_pictures_and_no_words() {
    let document = [
        "# A title",
        "Some words.",
        "",
        "- A thing.",
        "12. Another.",
        "![a thing](pictures/cell.svg)",
        "```rust",
        "let x = 1; // one",
        "# Ok::<(), ()>(())",
        "```",
        "```python",
        "x = 1  # one",
        "```",
        "```text",
        "words",
        "```",
    ];
    let expected = [
        "#",
        "a paragraph",
        "an item",
        "an item",
        "pictures/cell.svg)",
        "a block of rust",
        "let x = 1;",
        "# Ok::<(), ()>(())",
        "a block of python",
        "x = 1",
        "a block of text",
    ];
    assert_eq!(skeleton(&document.join("\n")), expected);
}
