//! Changes of a file as a unified diff.

use std::fmt::Write as _;
use std::ops::Range;

use crate::config::Edit;

/// Lines shown before and after a change.
const CONTEXT: usize = 3;

/// Lines that go and lines that come.
struct Hunk {
    /// Numbers, from 0, of the lines that go.
    old: Range<usize>,
    new: Vec<String>,
}

/// The unified diff between `text` and what `edits`, which are in order and apart, make of it.
pub(super) fn unified(path: &str, text: &str, edits: &[Edit]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let hunks = hunks(text, &lines, edits);
    let mut diff = String::new();
    if !hunks.is_empty() {
        // Writing to a string never fails.
        let _ = writeln!(diff, "--- {path}\n+++ {path}");
    }
    let mut shift = 0_isize;
    let mut rest = hunks.as_slice();
    while !rest.is_empty() {
        let near = |pair: &[Hunk]| pair[1].old.start <= pair[0].old.end + 2 * CONTEXT;
        let count = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (group, after) = rest.split_at(count);
        shift += write_group(&mut diff, &lines, group, shift);
        rest = after;
    }
    diff
}

/// The edits as whole lines; those that share a line are one.
fn hunks(text: &str, lines: &[&str], edits: &[Edit]) -> Vec<Hunk> {
    let mut starts = vec![0];
    starts.extend(lines.iter().scan(0, |at, line| {
        *at += line.len();
        Some(*at)
    }));
    let line_of = |offset: usize| starts.partition_point(|start| *start <= offset).clamp(1, lines.len().max(1)) - 1;
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut at = 0;
    while at < edits.len() {
        let first = line_of(edits[at].range.start);
        let mut last = line_of(edits[at].range.end.max(edits[at].range.start + 1) - 1);
        let mut until = at + 1;
        while until < edits.len() && line_of(edits[until].range.start) <= last {
            last = last.max(line_of(edits[until].range.end.max(1) - 1));
            until += 1;
        }
        let (mut new, mut from) = (String::new(), starts[first]);
        for edit in &edits[at..until] {
            new.push_str(&text[from..edit.range.start]);
            new.push_str(&edit.text);
            from = edit.range.end;
        }
        new.push_str(&text[from..starts[(last + 1).min(starts.len() - 1)]]);
        let new: Vec<String> = new.split_inclusive('\n').map(str::to_owned).collect();
        hunks.push(trimmed(lines, first..last + 1, new));
        at = until;
    }
    hunks.retain(|hunk| !hunk.old.is_empty() || !hunk.new.is_empty());
    hunks
}

/// Without the lines that are the same at both ends.
fn trimmed(lines: &[&str], mut old: Range<usize>, mut new: Vec<String>) -> Hunk {
    while !old.is_empty() && new.first().is_some_and(|line| line == lines[old.start]) {
        new.remove(0);
        old.start += 1;
    }
    while !old.is_empty() && new.last().is_some_and(|line| line == lines[old.end - 1]) {
        new.pop();
        old.end -= 1;
    }
    Hunk { old, new }
}

/// Writes hunks that share their context; yields by how many lines they make the text longer.
fn write_group(diff: &mut String, lines: &[&str], group: &[Hunk], shift: isize) -> isize {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return 0 };
    let start = first.old.start.saturating_sub(CONTEXT);
    let end = (last.old.end + CONTEXT).min(lines.len());
    let grown: isize = group.iter().map(|hunk| hunk.new.len() as isize - hunk.old.len() as isize).sum();
    let count = end - start;
    let _ = writeln!(diff, "@@ -{},{count} +{},{} @@", start + 1, start as isize + 1 + shift, count as isize + grown);
    let mut line = |sign: char, text: &str| {
        diff.push(sign);
        diff.push_str(text.strip_suffix('\n').unwrap_or(text));
        diff.push('\n');
        if !text.ends_with('\n') {
            diff.push_str("\\ No newline at end of file\n");
        }
    };
    let mut at = start;
    for hunk in group {
        lines[at..hunk.old.start].iter().for_each(|text| line(' ', text));
        lines[hunk.old.clone()].iter().for_each(|text| line('-', text));
        hunk.new.iter().for_each(|text| line('+', text));
        at = hunk.old.end;
    }
    lines[at..end].iter().for_each(|text| line(' ', text));
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(text: &str, changes: &[(&str, &str)]) -> Vec<Edit> {
        let edit = |(old, new): &(&str, &str)| {
            let at = text.find(old).expect(old);
            Edit { range: at..at + old.len(), text: (*new).to_owned() }
        };
        changes.iter().map(edit).collect()
    }

    #[test]
    fn whole_lines_with_context() {
        let text = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n14\nlast";
        let diff = unified("x.yml", text, &edits(text, &[("five", "5\n  five"), ("last", "15")]));
        insta::assert_snapshot!(diff, @r"
        --- x.yml
        +++ x.yml
        @@ -2,7 +2,8 @@
         2
         3
         4
        -five
        +5
        +  five
         6
         7
         8
        @@ -12,4 +13,4 @@
         12
         13
         14
        -last
        \ No newline at end of file
        +15
        \ No newline at end of file
        ");
        assert_eq!(unified("x", text, &[]), "");
    }

    #[test]
    fn changes_in_one_line_and_near_ones_are_together() {
        let text = "a b\nc\nd\n";
        let diff = unified("x", text, &edits(text, &[("a", "A"), ("b", "B"), ("d", "D")]));
        insta::assert_snapshot!(diff, @r"
        --- x
        +++ x
        @@ -1,3 +1,3 @@
        -a b
        +A B
         c
        -d
        +D
        ");
    }
}
