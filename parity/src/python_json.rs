//! JSON as Python writes it, with `NaN` and `Infinity` as numbers.

use serde_json::Value;

/// Reads JSON in which a number may be `NaN`, `Infinity` or `-Infinity`. These become strings,
/// which [`number`] takes back.
pub(crate) fn parse(text: &str) -> serde_json::Result<Value> {
    let mut strict = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word));
        let length = match word {
            Some(word) if !in_string => {
                strict.extend(["\"", word, "\""]);
                word.len()
            }
            _ => {
                // An escaped character, of which a quote is one, does not end a string.
                let escapes = usize::from(in_string && c == '\\');
                in_string ^= c == '"';
                let length = rest.chars().take(1 + escapes).map(char::len_utf8).sum();
                strict.push_str(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    serde_json::from_str(&strict)
}

/// A number, one that is not finite included.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(word) => match word.as_str() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" | "inf" => Some(f64::INFINITY),
            "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_finite_are_read() {
        let value = parse(r#"{"a": NaN, "b": [-Infinity, Infinity], "c": "inf", "d": 1e-08, "e": true}"#)
            .expect("Python's JSON");
        assert!(number(&value["a"]).is_some_and(f64::is_nan));
        assert_eq!(number(&value["b"][0]), Some(f64::NEG_INFINITY));
        assert_eq!(number(&value["b"][1]), Some(f64::INFINITY));
        assert_eq!(number(&value["c"]), Some(f64::INFINITY));
        assert_eq!(number(&value["d"]), Some(1e-8));
        assert_eq!(number(&value["e"]), None);
    }

    #[test]
    fn words_inside_strings_stay() {
        for text in [r#"{"NaN": "Infinity"}"#, r#"["é\"NaN", "\\", "NaN\\\"Infinity"]"#, "[]", "3.5"] {
            let strict: Value = serde_json::from_str(text).expect("strict JSON");
            assert_eq!(parse(text).expect("strict JSON"), strict, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "{", "NaNa", "\"\\", "{\"a\": nan}"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
