//! INI files: sections with lines. Python's `configparser` (pip, the AWS tools), rclone, and git.

use super::{Addition, Content, Edit, Format, Layout, Member, Value, find, line_end, lines_of, members_at};

/// The sections of the text. A section that stands twice is an error, except for git.
pub(super) fn read(text: &str, format: Format) -> Result<Vec<Member>, String> {
    let mut sections: Vec<Member> = Vec::new();
    let (mut start, mut continues) = (0, false);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let broken = |reason: &str| Err(format!("line {}: {reason}", number + 1));
        let content = line.trim_end();
        let trimmed = content.trim_start();
        let key_start = start + content.len() - trimmed.len();
        let end = start + content.len();
        start += line.len();
        let is_comment = trimmed.starts_with(['#', ';']);
        let is_git = format == Format::Git;
        if is_git && continues {
            // The line before ended with a backslash.
            continues = content.ends_with('\\');
            extend(&mut sections, end);
            continue;
        }
        if trimmed.is_empty() || is_comment {
            continue;
        }
        if !is_git && content.len() > trimmed.len() && extend(&mut sections, end) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[') {
            let Some(name) = header_name(header, is_git) else { return broken("a section has no `]`") };
            if !is_git && sections.iter().any(|section| section.key == name) {
                return broken("a section stands twice");
            }
            sections.push(Member {
                key: name,
                content: Content::Table(Vec::new()),
                key_span: key_start..end,
                span: key_start..end,
                layout: Layout::Section,
            });
            continue;
        }
        let Some(Member { content: Content::Table(entries), .. }) = sections.last_mut() else {
            return broken("a value stands before the first section");
        };
        let separators: &[char] = if is_git { &['='] } else { &['=', ':'] };
        let (key, value_start) = match trimmed.find(separators) {
            Some(at) => {
                let value = &trimmed[at + 1..];
                (trimmed[..at].trim(), key_start + at + 1 + value.len() - value.trim_start().len())
            }
            // `key` alone means true.
            None if is_git => (trimmed, end),
            None => return broken("neither a section nor `key = value`"),
        };
        if key.is_empty() {
            return broken("a value has no key");
        }
        let value_start = value_start.min(end);
        let raw = &text[value_start..end];
        let value = if is_git { git_value(raw) } else { raw.to_owned() };
        continues = is_git && content.ends_with('\\');
        entries.push(Member {
            key: if is_git { key.to_ascii_lowercase() } else { key.to_owned() },
            content: Content::Value(Value::Text(value)),
            key_span: key_start..key_start + key.len(),
            span: value_start..end,
            layout: Layout::Entry,
        });
    }
    Ok(sections)
}

/// Counts another line to the value of the last entry; false if there is none.
fn extend(sections: &mut [Member], end: usize) -> bool {
    let Some(Member { content: Content::Table(entries), .. }) = sections.last_mut() else { return false };
    let Some(last) = entries.last_mut() else { return false };
    last.span.end = end;
    last.content = Content::Other;
    true
}

/// The name between the brackets: of git the section in lower case, and the subsection as it is.
fn header_name(header: &str, is_git: bool) -> Option<String> {
    if !is_git {
        return Some(header[..header.find(']')?].trim().to_owned());
    }
    let Some((section, subsection)) = header.split_once('"') else {
        return Some(header[..header.find(']')?].trim().to_ascii_lowercase());
    };
    let (mut name, mut characters) = (String::new(), subsection.chars());
    loop {
        match characters.next()? {
            '"' => break,
            '\\' => name.push(characters.next()?),
            character => name.push(character),
        }
    }
    characters.as_str().trim_start().starts_with(']').then_some(())?;
    Some(format!("{} \"{name}\"", section.trim().to_ascii_lowercase()))
}

/// A value of git without quotes, escapes and a comment.
fn git_value(raw: &str) -> String {
    let (mut value, mut is_quoted, mut characters) = (String::new(), false, raw.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => is_quoted = !is_quoted,
            '\\' => value.extend(characters.next().map(|next| if next == 'n' { '\n' } else { next })),
            '#' | ';' if !is_quoted => break,
            character => value.push(character),
        }
    }
    value.trim_end().to_owned()
}

/// Adds lines to a section, or a section to the end of the text.
pub(super) fn add(
    text: &str,
    root: &[Member],
    addition: &Addition<'_>,
    format: Format,
) -> Result<Vec<Edit>, String> {
    let end = line_end(text);
    let [name] = addition.path else { return Err("an entry needs a section".to_owned()) };
    let indent = if format == Format::Git { "\t" } else { "" };
    let comment = addition.comment.map(|comment| format!("{comment}{end}")).unwrap_or_default();
    let mut lines = String::new();
    for (key, value) in addition.entries {
        let line = format!("{indent}{key} = {}", rendered(value, format)?);
        lines += line.trim_end();
        lines += end;
    }
    if let Some(section) = find(root, addition.path) {
        let last = members_at(root, addition.path).last().unwrap_or(section);
        let at = lines_of(text, &last.key_span, &last.span).end;
        let gap = if text[..at].ends_with('\n') { "" } else { end };
        return Ok(vec![Edit::insert(at, format!("{gap}{comment}{lines}"))]);
    }
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => end,
        _ => &end.repeat(2),
    };
    let header = format!("[{}]{end}", rendered_name(name));
    let section = if addition.is_whole { format!("{comment}{header}") } else { format!("{header}{comment}") };
    Ok(vec![Edit::insert(text.len(), format!("{gap}{section}{lines}"))])
}

/// A name of a section of git has its quotes already; what is inside is escaped.
fn rendered_name(name: &str) -> String {
    match name.split_once(" \"") {
        Some((section, rest)) => {
            let subsection = rest.strip_suffix('"').unwrap_or(rest);
            format!("{section} \"{}\"", subsection.replace('\\', r"\\").replace('"', "\\\""))
        }
        None => name.to_owned(),
    }
}

/// A value as one line.
///
/// # Errors
/// If programs would read the line in different ways.
pub(super) fn rendered(value: &Value, format: Format) -> Result<String, String> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::List(_) | Value::Map(_) => return Err("a line cannot hold a list".to_owned()),
    };
    if text.chars().any(char::is_control) {
        return Err("a path or value with a control character cannot stand in a line".to_owned());
    }
    if format == Format::Git {
        return Ok(if text.is_empty() {
            text
        } else {
            format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
        });
    }
    // Some programs take ` #` and ` ;` for the beginning of a comment, also between quotes.
    if text.contains([';', '#']) || text.trim() != text {
        return Err(
            "a path or value with `#` or `;` cannot stand in this file: programs take it for a comment"
                .to_owned(),
        );
    }
    Ok(text)
}
