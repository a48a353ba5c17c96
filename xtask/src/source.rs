//! Rust source told apart into code, comments and tests, well enough for the rules.
//!
//! This is a scanner, not a parser: it knows strings, characters, comments and braces.

/// A file of Rust source, line by line.
pub(crate) struct Source {
    /// Its lines, in order; line 1 is the first.
    pub(crate) lines: Vec<Line>,
}

/// One line of source.
#[derive(Default, Clone)]
pub(crate) struct Line {
    /// The line with comments removed and the insides of strings and characters blanked.
    pub(crate) code: String,
    /// The text of the comments on the line, their slashes included.
    pub(crate) comment: String,
    /// Whether the line belongs to an item under `#[cfg(test)]`.
    pub(crate) in_test: bool,
    /// Whether the inside of a string or a character is on the line.
    pub(crate) in_string: bool,
}

impl Source {
    /// Scans the text of a file.
    pub(crate) fn scan(text: &str) -> Self {
        let mut lines = Scanner::new(text).lines();
        mark_tests(&mut lines);
        Source { lines }
    }

    /// The lines outside `#[cfg(test)]` items, with their numbers.
    pub(crate) fn numbered_outside_tests(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.numbered().filter(|(_, line)| !line.in_test)
    }

    /// All lines with their numbers, from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().map(|(index, line)| (index + 1, line))
    }
}

impl Line {
    /// Whether the line holds neither code nor a comment.
    pub(crate) fn is_blank(&self) -> bool {
        self.code.trim().is_empty() && self.comment.is_empty()
    }
}

/// Whether `code` holds `name` as a whole word or path: `std::fs` is in `use std::fs;` and in
/// `std::fs::read`, not in `std::fsync`.
pub(crate) fn mentions(code: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let ends_in_word = name.ends_with(is_word);
    code.match_indices(name).any(|(start, _)| {
        let (before, after) = (&code[..start], &code[start + name.len()..]);
        let goes_on = before.ends_with(is_word) || (ends_in_word && after.starts_with(is_word));
        !goes_on
    })
}

struct Scanner {
    characters: Vec<char>,
    position: usize,
    lines: Vec<Line>,
    current: Line,
}

impl Scanner {
    fn new(text: &str) -> Self {
        let characters = text.chars().collect();
        Scanner { characters, position: 0, lines: Vec::new(), current: Line::default() }
    }

    fn lines(mut self) -> Vec<Line> {
        while let Some(c) = self.peek(0) {
            match c {
                '/' if self.peek(1) == Some('/') => self.line_comment(),
                '/' if self.peek(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                'r' if self.starts_raw_string() => self.raw_string(),
                '\'' if self.starts_character() => self.character(),
                _ => self.code(),
            }
        }
        if !self.current.code.is_empty() || !self.current.comment.is_empty() {
            self.lines.push(self.current);
        }
        self.lines
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.position + ahead).copied()
    }

    /// Takes one character as code; a newline ends the line.
    fn code(&mut self) {
        self.take(|line, c| line.code.push(c));
    }

    /// Takes one character as the inside of a string.
    fn blank(&mut self) {
        self.take(|line, _| {
            line.code.push(' ');
            line.in_string = true;
        });
    }

    fn comment(&mut self) {
        self.take(|line, c| line.comment.push(c));
    }

    fn take(&mut self, store: impl FnOnce(&mut Line, char)) {
        match self.peek(0) {
            Some('\n') => self.lines.push(std::mem::take(&mut self.current)),
            Some(c) => store(&mut self.current, c),
            None => return,
        }
        self.position += 1;
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.comment();
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            let pair = (self.peek(0), self.peek(1));
            let step = if pair == (Some('/'), Some('*')) {
                1
            } else if pair == (Some('*'), Some('/')) {
                -1
            } else {
                self.comment();
                continue;
            };
            depth += step;
            self.comment();
            self.comment();
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.code();
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => {
                    self.blank();
                    self.blank();
                }
                '"' => return self.code(),
                _ => self.blank(),
            }
        }
    }

    fn starts_raw_string(&self) -> bool {
        // In `br"…"` and `cr"…"` the letter before belongs to the string, in `bar"…"` it does not.
        let before = |back: usize| self.position.checked_sub(back).map(|index| self.characters[index]);
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let prefixed = matches!(before(1), Some('b' | 'c')) && !is_word(before(2));
        if is_word(before(1)) && !prefixed {
            return false;
        }
        let hashes = self.hashes(1);
        self.peek(1 + hashes) == Some('"')
    }

    fn hashes(&self, ahead: usize) -> usize {
        (ahead..).take_while(|&offset| self.peek(offset) == Some('#')).count()
    }

    fn raw_string(&mut self) {
        let hashes = self.hashes(1);
        for _ in 0..hashes + 2 {
            self.code();
        }
        while let Some(c) = self.peek(0) {
            if c == '"' && self.hashes(1) >= hashes {
                for _ in 0..=hashes {
                    self.code();
                }
                return;
            }
            self.blank();
        }
    }

    /// A quote starts a character if it is closed again, else a lifetime.
    fn starts_character(&self) -> bool {
        self.peek(1) == Some('\\') || (self.peek(1) != Some('\'') && self.peek(2) == Some('\''))
    }

    fn character(&mut self) {
        self.code();
        if self.peek(0) == Some('\\') {
            self.blank();
        }
        self.blank();
        // What is left of `\u{1F600}` or `\x41`.
        while self.peek(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.blank();
        }
        self.code();
    }
}

/// Marks the lines of each item under a `#[cfg(test)]`, from the attribute to the item's end.
fn mark_tests(lines: &mut [Line]) {
    let mut start = 0;
    while let Some(found) = lines[start..].iter().position(|line| is_test_attribute(&line.code)) {
        let first = start + found;
        let last = end_of_item(lines, first);
        lines[first..=last].iter_mut().for_each(|line| line.in_test = true);
        start = last + 1;
    }
}

fn is_test_attribute(code: &str) -> bool {
    let code = code.trim_start();
    code.starts_with("#[cfg(") && mentions(code, "test") && !code.contains("not(test)")
}

/// The index of the line where the item that starts at `first` ends: at the brace that closes
/// its body, or at the semicolon if it has none.
fn end_of_item(lines: &[Line], first: usize) -> usize {
    let mut depth = 0;
    for (index, line) in lines.iter().enumerate().skip(first) {
        for c in line.code.chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' => depth -= 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return index;
                    }
                }
                ';' if depth == 0 => return index,
                _ => {}
            }
        }
    }
    lines.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let lines: Vec<String> = Source::scan(text).lines.into_iter().map(|line| line.code).collect();
        lines.join("\n")
    }

    #[test]
    fn strings_characters_and_comments_are_not_code() {
        let cases = [
            ("let a = 1; // unsafe", "let a = 1; "),
            ("a /* b /* c */ d */ e", "a  e"),
            (r#"f("un\"safe")"#, r#"f("        ")"#),
            ("r\"a\\\" + b", "r\"  \" + b"),
            ("r#\"a\"b\"# + c", "r#\"   \"# + c"),
            ("br\"ab\" + c", "br\"  \" + c"),
            ("r#type + c", "r#type + c"),
            ("let q = '\"'; f()", "let q = ' '; f()"),
            (r"let q = '\''; f()", "let q = '  '; f()"),
            (r"let q = '\u{1F600}'; f()", "let q = '         '; f()"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("\"one\ntwo\" + a", "\"   \n   \" + a"),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text}");
        }
    }

    #[test]
    fn comments_are_kept_beside_the_code() {
        let source = Source::scan("let a = 1; // why\n/// docs\nlet url = \"http://x\";\n");
        let comments: Vec<&str> = source.lines.iter().map(|line| line.comment.as_str()).collect();
        assert_eq!(comments, ["// why", "/// docs", ""]);
    }

    #[test]
    fn items_under_cfg_test_are_marked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\"; }\n}\nfn c() {}\n\
                    #[cfg(test)]\nmod far;\nfn d() {}\n#[cfg(all(test, feature = \"x\"))]\n\
                    fn e(f: [u8; 3]) {\n}\n#[cfg(not(test))]\nfn g() {}\n";
        let marked: Vec<usize> = Source::scan(text)
            .numbered()
            .filter(|(_, line)| line.in_test)
            .map(|(number, _)| number)
            .collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8, 10, 11, 12]);
    }

    #[test]
    fn names_are_found_as_whole_words() {
        let cases = [
            ("use std::fs;", "std::fs", true),
            ("std::fs::read(p)", "std::fs", true),
            ("std::fsync", "std::fs", false),
            ("eprintln!(x)", "println!", false),
            ("println!(x)", "println!", true),
            ("MyHashMap", "HashMap", false),
            ("unsafe_code", "unsafe", false),
            ("unsafe_code unsafe", "unsafe", true),
            ("fs::read(p)", "fs::", true),
            ("prefs::read(p)", "fs::", false),
        ];
        for (code, name, found) in cases {
            assert_eq!(mentions(code, name), found, "{name} in {code}");
        }
    }
}
