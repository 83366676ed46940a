//! `application/x-www-form-urlencoded` in bodies and queries.

/// The decoded names and values of a form.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a form. `None` if a part is not percent-encoded UTF-8.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = match part.iter().position(|byte| *byte == b'=') {
                Some(place) => (&part[..place], &part[place + 1..]),
                None => (part, &part[part.len()..]),
            };
            Some((decode(name)?, decode(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    /// The value of a name. An empty value counts as absent (RFC 6749, 3.2). A repeated name is an error.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated);
        }
        Ok(first.filter(|value| !value.is_empty()))
    }
}

pub(crate) struct Repeated;

fn decode(text: &[u8]) -> Option<String> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => u8::try_from(digit(bytes.next())? * 16 + digit(bytes.next())?).ok()?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}
