//! The layout of merged messages.

use std::borrow::Cow;

/// A message as it stands behind `* Something:`.
///
/// One plain line follows after a blank. Several lines, or a line that is a list already, move below and are indented;
/// where some lines are no list items, they become items and the others their sub-items.
pub fn indent_if_multiline(message: &str) -> String {
    if !message.contains('\n') && !is_item(message) {
        return format!(" {message}");
    }
    let all_items = message.split('\n').all(is_item);
    let mut text = String::with_capacity(message.len() + 16);
    for line in message.split('\n') {
        text.push_str(match (all_items, is_item(line)) {
            (true, _) => "\n  ",
            (false, true) => "\n    ",
            (false, false) => "\n  * ",
        });
        text.push_str(line);
    }
    text
}

/// A star followed by white space, anywhere in the line, makes it a list item.
fn is_item(line: &str) -> bool {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
    line.as_bytes().windows(2).any(|pair| matches!(pair, [b'*', next] if blank(*next)))
}

/// The English plural of a kind.
pub(super) fn plural(kind: &str) -> Cow<'_, str> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| kind.ends_with(ending));
    let vowel_y = ends(&["ay", "ey", "iy", "oy", "uy"]);
    match kind.strip_suffix('y') {
        _ if kind.is_empty() => Cow::Borrowed(kind),
        Some(stem) if !vowel_y => Cow::Owned(format!("{stem}ies")),
        _ if ends(&["s", "x", "z", "ch", "sh"]) => Cow::Owned(format!("{kind}es")),
        _ => Cow::Owned(format!("{kind}s")),
    }
}
