//! Checks which top-level module of a crate uses which: by a table in ARCHITECTURE.md, and without a circle.
//!
//! A module uses another module if a `use` or a path names it: `crate::other::…`, an item of `other` that the root of the
//! crate exports (`crate::Item`), or `super::…` up to the root. Comments, strings and items under `#[cfg(test)]` do not
//! count. The exports of the root itself do not count either.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::source_files::source_files;

/// Each module, with the modules that it uses.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Compares the crate in `folder` (`CARGO_MANIFEST_DIR`) with the table below the heading `name` in the section
/// "Which folder may use which".
pub fn check(folder: &str, name: &str) {
    let page = Path::new(folder).join("../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).expect("ARCHITECTURE.md cannot be read");
    let allowed = table(&page, name);
    if let Some(circle) = circle(&allowed) {
        panic!("{name}: the table in ARCHITECTURE.md has a circle: {}", circle.join(" -> "));
    }
    let used = graph(&Path::new(folder).join("src"));
    assert_eq!(
        used.keys().collect::<Vec<_>>(),
        allowed.keys().collect::<Vec<_>>(),
        "{name}: the top-level modules (left) and the rows of the table in ARCHITECTURE.md (right)"
    );
    for (module, uses) in &used {
        let forbidden: Vec<_> = uses.difference(&allowed[module]).collect();
        assert!(
            forbidden.is_empty(),
            "{name}: `{module}` may not use {forbidden:?} (table in ARCHITECTURE.md)"
        );
    }
}

/// The rows `` | `module` | `other`, `another` | `` of one table.
pub fn table(page: &str, name: &str) -> Graph {
    let section = page.split("\n## Which folder may use which\n").nth(1).expect("the section is missing");
    let section = section.split("\n## ").next().unwrap();
    let heading = format!("### `{name}`\n");
    let table =
        section.split(&heading).nth(1).unwrap_or_else(|| panic!("the heading {heading:?} is missing"));
    let table = table.split("\n### ").next().unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = table.lines().filter_map(|line| line.trim().strip_prefix('|')?.split_once('|'));
    let rows =
        rows.filter_map(|(module, uses)| Some((names(module).pop()?, names(uses).into_iter().collect())));
    rows.collect()
}

/// A circle in the graph, or `None`.
#[must_use]
pub fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn visit(graph: &Graph, module: &str, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if path.iter().any(|before| before == module) {
            path.push(module.to_owned());
            return true;
        }
        if done.contains(module) {
            return false;
        }
        path.push(module.to_owned());
        if graph.get(module).is_some_and(|uses| uses.iter().any(|used| visit(graph, used, path, done))) {
            return true;
        }
        path.pop();
        done.insert(module.to_owned());
        false
    }
    let (mut path, mut done) = (Vec::new(), BTreeSet::new());
    graph.keys().any(|module| visit(graph, module, &mut path, &mut done)).then_some(path)
}

/// Which top-level module uses which, according to the files in `src`.
fn graph(src: &Path) -> Graph {
    let files = source_files(src)
        .into_iter()
        .map(|file| (module_of(&file, src), std::fs::read_to_string(&file).unwrap()));
    let is_root = |module: &[String]| matches!(module, [root] if root == "lib" || root == "main");
    let (roots, files): (Vec<_>, Vec<_>) = files.partition(|(module, _): &(Vec<String>, _)| is_root(module));
    let mut graph: Graph = files.iter().map(|(module, _)| (module[0].clone(), BTreeSet::new())).collect();
    let exports: BTreeMap<String, String> = roots.iter().flat_map(|(_, text)| exports(text)).collect();
    let root_items: BTreeSet<String> = roots.iter().flat_map(|(_, text)| tokens(text)).collect();
    for (module, text) in &files {
        for segment in root_segments(text, module.len()) {
            let used = match graph.contains_key(&segment) {
                true => segment,
                false => match exports.get(&segment) {
                    Some(used) => used.clone(),
                    None => {
                        assert!(
                            root_items.contains(&segment),
                            "`{module:?}` uses an unknown `crate::{segment}`"
                        );
                        continue;
                    }
                },
            };
            if used != module[0] {
                graph.get_mut(&module[0]).unwrap().insert(used);
            }
        }
    }
    graph
}

/// The path of a module below the root of its crate.
fn module_of(file: &Path, root: &Path) -> Vec<String> {
    let path = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<_> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.pop_if(|name| name == "mod");
    module
}

/// Identifiers, `::` and single characters, without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = string_length(rest) {
            length
        } else if character == '\'' {
            quote_length(rest)
        } else if character.is_alphanumeric() || character == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !character.is_whitespace() {
                tokens.push(character.to_string());
            }
            character.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a string literal at the start of `text`: `"…"`, `b"…"`, `r#"…"#`.
fn string_length(text: &str) -> Option<usize> {
    let prefix = text.len() - text.trim_start_matches(['b', 'c']).len();
    let after = &text[prefix.min(1)..];
    if let Some(raw) = after.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let start = text.len() - body.len();
        return Some(body.find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    let body = after.strip_prefix('"')?;
    let start = text.len() - body.len();
    let mut escaped = false;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of a character literal, or of the quote of a lifetime.
fn quote_length(text: &str) -> usize {
    let mut characters = text[1..].char_indices();
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = 1 + at + escaped.len_utf8();
            text[after..].find('\'').map_or(text.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => 1 + at + 1,
        _ => 1,
    }
}

/// The first segment of each path that starts at the root of the crate. `depth` is the length of the module's path.
#[must_use]
pub fn root_segments(text: &str, depth: usize) -> Vec<String> {
    let tokens = &*tokens(text);
    let mut found = Vec::new();
    // For each open brace, whether it is that of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().take(7).map(String::as_str).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = end_of_item(tokens, at + 7);
            continue;
        }
        match &*tokens[at] {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            "crate" if tokens.get(at + 1).is_some_and(|next| next == "::") => {
                first_segments(tokens, at + 2, &mut found);
            }
            "super" if at == 0 || tokens[at - 1] != "::" => {
                let mut levels = 0;
                while tokens.get(at).is_some_and(|token| token == "super")
                    && tokens.get(at + 1).is_some_and(|token| token == "::")
                {
                    levels += 1;
                    at += 2;
                }
                let inline = braces.iter().filter(|is_module| **is_module).count();
                if levels > 0 && levels >= depth + inline {
                    first_segments(tokens, at, &mut found);
                }
                at += usize::from(levels == 0);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first segment of a path, or of each path in a group `{…}`.
fn first_segments(tokens: &[String], at: usize, found: &mut Vec<String>) {
    if tokens.get(at).is_none_or(|token| token != "{") {
        found.extend(tokens.get(at).filter(|token| token.starts_with(char::is_alphabetic)).cloned());
        return;
    }
    let (mut depth, mut is_first) = (0, true);
    for token in &tokens[at..] {
        match &**token {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => is_first = true,
            _ if depth == 1 && is_first => {
                found.push(token.clone());
                is_first = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// The index after an item: after its `;`, or after its braces.
fn end_of_item(tokens: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match &**token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token == "}" {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The names that a root exports, each with its top-level module.
#[must_use]
pub fn exports(text: &str) -> Vec<(String, String)> {
    let tokens = tokens(text);
    let mut exports = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| *token == "use") {
        let path: Vec<&str> =
            tokens[at + 1..].iter().map(String::as_str).take_while(|token| *token != ";").collect();
        let path =
            path.strip_prefix(&["self", "::"]).or(path.strip_prefix(&["crate", "::"])).unwrap_or(&path);
        let Some((module, names)) = path.split_first() else { continue };
        // What follows `as`, and each last segment: the names that others can use.
        for (at, name) in names.iter().enumerate() {
            let is_last = names.get(at + 1).is_none_or(|next| matches!(*next, "," | "}"));
            if is_last && name.starts_with(char::is_alphabetic) {
                exports.push(((*name).to_owned(), (*module).to_owned()));
            }
        }
    }
    exports
}
