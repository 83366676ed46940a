//! JSON, with the places of its values. With comments, where a program allows them.

use super::{Addition, Content, Edit, Layout, Member, Value, find, line_end, members_at};

/// Deeper than any configuration. The reader recurses.
const MAX_DEPTH: usize = 64;

/// The members of the object that is the whole text. A blank text is an object without members.
pub(super) fn read(text: &str, comments: bool) -> Result<Vec<Member>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader { text, at: 0, comments, depth: 0 };
    let content = reader.blank().and_then(|()| reader.value()).and_then(|content| {
        reader.blank()?;
        if reader.at < text.len() { Err("text after the end of the object") } else { Ok(content) }
    });
    match content {
        Ok(Content::Table(members)) => Ok(members),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(reason) => {
            let line = text[..reader.at].matches('\n').count() + 1;
            Err(format!("line {line}: not JSON: {reason}"))
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    comments: bool,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next_is(&self, character: char) -> bool {
        self.rest().starts_with(character)
    }

    fn skip(&mut self, character: char) -> bool {
        let found = self.next_is(character);
        self.at += if found { character.len_utf8() } else { 0 };
        found
    }

    /// Skips blanks and comments.
    fn blank(&mut self) -> Result<(), &'static str> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = self.rest();
            if rest.starts_with("//") && self.comments {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") && self.comments {
                self.at += rest.find("*/").ok_or("a comment has no end")? + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Result<Content, &'static str> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("too many levels");
        }
        let content = match self.rest().chars().next() {
            Some('{') => self.object(),
            Some('[') => self.array(),
            Some('"') => self.string().map(|text| Content::Value(Value::Text(text))),
            _ => self.literal(),
        };
        self.depth -= 1;
        content
    }

    fn object(&mut self) -> Result<Content, &'static str> {
        self.skip('{');
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.blank()?;
            if (members.is_empty() || self.comments) && self.skip('}') {
                return Ok(Content::Table(members));
            }
            let key_start = self.at;
            let key = self.string()?;
            let key_span = key_start..self.at;
            if members.iter().any(|member| member.key == key) {
                return Err("a name stands twice in one object");
            }
            self.blank()?;
            if !self.skip(':') {
                return Err("`:` is missing");
            }
            self.blank()?;
            let start = self.at;
            let content = self.value()?;
            members.push(Member { key, content, key_span, span: start..self.at, layout: Layout::Inline });
            self.blank()?;
            if !self.skip(',') {
                return if self.skip('}') {
                    Ok(Content::Table(members))
                } else {
                    Err("`,` or `}` is missing")
                };
            }
        }
    }

    fn array(&mut self) -> Result<Content, &'static str> {
        self.skip('[');
        let (mut texts, mut count) = (Vec::new(), 0);
        loop {
            self.blank()?;
            if (count == 0 || self.comments) && self.skip(']') {
                break;
            }
            count += 1;
            if let Content::Value(Value::Text(text)) = self.value()? {
                texts.push(text);
            }
            self.blank()?;
            if !self.skip(',') {
                if self.skip(']') {
                    break;
                }
                return Err("`,` or `]` is missing");
            }
        }
        let is_list = texts.len() == count;
        Ok(if is_list { Content::Value(Value::List(texts)) } else { Content::Other })
    }

    fn string(&mut self) -> Result<String, &'static str> {
        if !self.next_is('"') {
            return Err("a text in quotes is missing");
        }
        let mut is_escaped = false;
        let end = self.rest().bytes().skip(1).position(|byte| {
            let is_end = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            is_end
        });
        let end = self.at + end.ok_or("a text has no end")? + 2;
        let text = serde_json::from_str(&self.text[self.at..end]).map_err(|_| "a text is invalid")?;
        self.at = end;
        Ok(text)
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> Result<Content, &'static str> {
        let length = self
            .rest()
            .find(|character: char| !character.is_ascii_alphanumeric() && !"+-.".contains(character));
        let end = length.map_or(self.text.len(), |length| self.at + length);
        let value: serde_json::Value =
            serde_json::from_str(&self.text[self.at..end]).map_err(|_| "a value is missing or invalid")?;
        self.at = end;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        Ok(number.map_or(Content::Other, |number| Content::Value(Value::Number(number))))
    }
}

/// How the text around a place is written.
pub(super) struct Style {
    end: &'static str,
    /// The blanks of one level.
    unit: String,
    /// The blanks before a member at this place.
    indent: String,
    /// Whether everything stands in one line.
    is_compact: bool,
}

impl Style {
    /// The style of a member that begins at `at`.
    pub(super) fn at(text: &str, at: usize) -> Self {
        let indent = blanks_before(text, at);
        Self {
            end: line_end(text),
            unit: unit(text),
            is_compact: indent.is_none(),
            indent: indent.unwrap_or_default().to_owned(),
        }
    }

    fn deeper(&self) -> Self {
        let indent = format!("{}{}", self.indent, self.unit);
        Self { end: self.end, unit: self.unit.clone(), indent, is_compact: self.is_compact }
    }

    fn list(&self, brackets: [char; 2], items: &[String]) -> String {
        let [open, close] = brackets;
        if items.is_empty() {
            return format!("{open}{close}");
        }
        if self.is_compact {
            return format!("{open}{}{close}", items.join(", "));
        }
        let inner = format!("{}{}{}", self.end, self.indent, self.unit);
        format!("{open}{inner}{}{}{}{close}", items.join(&format!(",{inner}")), self.end, self.indent)
    }
}

/// The blanks between the line's beginning and the place; `None` if something else stands there.
fn blanks_before(text: &str, at: usize) -> Option<&str> {
    let start = text[..at].rfind('\n')? + 1;
    let before = &text[start..at];
    before.chars().all(|character| " \t".contains(character)).then_some(before)
}

/// The blanks of one level: those of the first member that begins a line.
fn unit(text: &str) -> String {
    let lines = text.lines().skip(1);
    let mut indents = lines.filter(|line| line.trim_start().starts_with('"')).map(|line| {
        let length = line.len() - line.trim_start().len();
        &line[..length]
    });
    indents.find(|indent| !indent.is_empty()).unwrap_or("  ").to_owned()
}

/// A value as JSON, for a member in this style.
pub(super) fn rendered(value: &Value, style: &Style) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::List(items) => {
            style.list(['[', ']'], &items.iter().map(|item| quoted(item)).collect::<Vec<_>>())
        }
        Value::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| member(key, value, &style.deeper())).collect();
            style.list(['{', '}'], &entries)
        }
    }
}

fn member(key: &str, value: &Value, style: &Style) -> String {
    format!("{}: {}", quoted(key), rendered(value, style))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds the members to the object, with the objects around it that do not exist.
pub(super) fn add(text: &str, root: &[Member], addition: &Addition<'_>) -> Result<Vec<Edit>, String> {
    let mut depth = addition.path.len();
    while depth > 0 && find(root, &addition.path[..depth]).is_none() {
        depth -= 1;
    }
    let (existing, missing) = addition.path.split_at(depth);
    let parent = find(root, existing);
    if let Some(parent) = parent
        && !matches!(parent.content, Content::Table(_))
    {
        return Err(format!("`{}` is not an object", existing.join(".")));
    }
    let mut entries = addition.entries.to_vec();
    for name in missing.iter().rev() {
        entries = vec![(name.clone(), Value::Map(entries))];
    }
    if text.trim().is_empty() {
        let style =
            Style { end: line_end(text), unit: "  ".to_owned(), indent: String::new(), is_compact: false };
        return Ok(vec![Edit {
            place: 0..text.len(),
            text: rendered(&Value::Map(entries), &style) + style.end,
        }]);
    }
    let open = parent.map_or_else(|| first_bracket(text), |parent| parent.span.start);
    let members = members_at(root, existing);
    let Some(last) = members.last() else {
        // The blanks before the closing bracket stay, so that a removal leaves the text as it was.
        let outer = blanks_at_line(text, open);
        let close =
            parent.map_or_else(|| text.rfind('}').unwrap_or(text.len()), |parent| parent.span.end - 1);
        let is_compact = !text.contains('\n') && parent.is_some();
        let style = Style {
            end: line_end(text),
            unit: unit(text),
            indent: outer.to_owned() + &unit(text),
            is_compact,
        };
        let separator = if is_compact { String::new() } else { format!("{}{}", style.end, style.indent) };
        let entries: Vec<_> = entries.iter().map(|(key, value)| member(key, value, &style)).collect();
        let mut new = separator.clone() + &entries.join(&format!(",{separator}"));
        if !is_compact && !text[open..close].contains('\n') {
            new += &format!("{}{outer}", style.end);
        }
        return Ok(vec![Edit::insert(open + 1, new)]);
    };
    let style = Style::at(text, last.key_span.start);
    let separator = if style.is_compact { " ".to_owned() } else { format!("{}{}", style.end, style.indent) };
    let entries: Vec<_> = entries.iter().map(|(key, value)| member(key, value, &style)).collect();
    let new = entries.join(&format!(",{separator}"));
    // A comma that is there already keeps its place.
    let after_comment = |at| if style.is_compact { at } else { after_comment(text, at) };
    Ok(match comma_after(text, last.span.end) {
        Some(comma) => vec![Edit::insert(after_comment(comma + 1), format!("{separator}{new},"))],
        None => match after_comment(last.span.end) {
            at if at == last.span.end => vec![Edit::insert(at, format!(",{separator}{new}"))],
            at => vec![Edit::insert(last.span.end, ","), Edit::insert(at, format!("{separator}{new}"))],
        },
    })
}

/// The end of the line if only a comment stands between the place and it: the comment belongs to the value before.
fn after_comment(text: &str, at: usize) -> usize {
    let line = text[at..].lines().next().unwrap_or_default();
    let comment = line.trim();
    let is_block = comment.starts_with("/*") && comment.find("*/") == Some(comment.len().saturating_sub(2));
    let has_end = text[at + line.len()..].starts_with(['\r', '\n']);
    if has_end && (comment.starts_with("//") || is_block) { at + line.len() } else { at }
}

/// The bracket of the outermost object: comments may stand before it.
fn first_bracket(text: &str) -> usize {
    let mut reader = Reader { text, at: 0, comments: true, depth: 0 };
    let _ = reader.blank();
    reader.at
}

/// The blanks at the beginning of the line of a place.
fn blanks_at_line(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start().len()]
}

/// The comma after a value, with blanks and comments between them.
fn comma_after(text: &str, end: usize) -> Option<usize> {
    let mut reader = Reader { text, at: end, comments: true, depth: 0 };
    reader.blank().ok()?;
    reader.next_is(',').then_some(reader.at)
}

/// Removes a member with one comma, and its line if nothing else stands there.
pub(super) fn remove(text: &str, root: &[Member], member: &Member) -> Vec<Edit> {
    let Some(siblings) = siblings(root, member) else { return Vec::new() };
    let at = siblings.iter().position(|sibling| sibling.key_span == member.key_span).unwrap_or_default();
    let comma_after = comma_after(text, member.span.end);
    let before = text[..member.key_span.start].trim_end_matches([' ', '\t']);
    let begins_line = before.ends_with('\n');
    let mut start = member.key_span.start;
    if begins_line {
        start = before.len() - 1;
        start -= usize::from(text[..start].ends_with('\r'));
    }
    match (comma_after, at.checked_sub(1).map(|previous| &siblings[previous])) {
        // The comma after the member goes with it.
        (Some(comma), previous) if at + 1 < siblings.len() || previous.is_none() => {
            let mut end = comma + 1;
            if !begins_line {
                end += text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
            }
            remove_around(member.span.end, comma, start, end)
        }
        (Some(comma), _) => remove_around(member.span.end, comma, start, comma + 1),
        (None, Some(previous)) => match self::comma_after(text, previous.span.end) {
            Some(comma) if text[comma + 1..start.max(comma + 1)].trim().is_empty() => {
                vec![Edit::remove(comma..member.span.end)]
            }
            Some(comma) => vec![Edit::remove(comma..comma + 1), Edit::remove(start..member.span.end)],
            None => vec![Edit::remove(start..member.span.end)],
        },
        (None, None) => vec![Edit::remove(start..member.span.end)],
    }
}

/// Removes a member and the comma after it, and leaves a comment between them.
fn remove_around(value_end: usize, comma: usize, start: usize, end: usize) -> Vec<Edit> {
    if value_end == comma {
        return vec![Edit::remove(start..end)];
    }
    vec![Edit::remove(start..value_end), Edit::remove(comma..end)]
}

/// The members of the object that has this member.
fn siblings<'a>(members: &'a [Member], member: &Member) -> Option<&'a [Member]> {
    if members.iter().any(|sibling| sibling.key_span == member.key_span) {
        return Some(members);
    }
    members.iter().find_map(|candidate| match &candidate.content {
        Content::Table(inner) => siblings(inner, member),
        _ => None,
    })
}
