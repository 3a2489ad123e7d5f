//! Cuts off what a model thought aloud before it answered.

/// How reasoning begins and ends with the models that leave it in their answers.
const MARKS: [(&str, &str); 6] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis", "<|channel|>final"),
];

/// Blocks of reasoning that are cut off one after the other.
const BLOCKS_MAX: usize = 8;

/// The answer without the reasoning before it; nothing if the reasoning has no end.
///
/// An answer that begins with JSON has none, whatever stands in its strings. Some servers cut the opening mark off.
pub(super) fn without(answer: &str) -> &str {
    let mut rest = answer.trim_start();
    for _ in 0..BLOCKS_MAX {
        if rest.starts_with(['{', '"', '`']) || (rest.starts_with('[') && !rest.starts_with("[THINK]")) {
            return rest;
        }
        let opened = MARKS.iter().find(|(open, _)| rest.starts_with(open));
        let ends = match opened {
            Some((_, close)) => Some(rest.find(close).map_or(rest.len(), |at| at + close.len())),
            None => MARKS.iter().filter_map(|(_, close)| Some(rest.find(close)? + close.len())).min(),
        };
        let Some(end) = ends else { return rest };
        rest = rest[end..].trim_start();
    }
    rest
}
