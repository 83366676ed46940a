use yandex_cloud_auth_agent::fuzz_internals::{SdsRequest, sds_requests as read};

/// The longest message.
const MAX_LENGTH: usize = 1024;

const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// The bytes of a client of the Secret Discovery Service: the first byte says how the rest is cut into parts. The second reading takes
/// frames and messages apart by itself.
pub fn sds_requests(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let parts = body.chunks(usize::from(first % 64) + 1);
    let (requests, end) = read(parts, MAX_LENGTH);
    let mut expected = Vec::new();
    let code = frames(body, &mut expected).err();
    assert_eq!(requests, expected);
    assert_eq!(end.as_ref().err().map(|(code, _)| *code), code, "{end:?}");
    if let Err((_, reason)) = end {
        assert!(reason.len() < 200 && !reason.chars().any(char::is_control), "{reason:?}");
    }
}

/// Reads the requests. The error is the code of gRPC.
fn frames(mut body: &[u8], requests: &mut Vec<SdsRequest>) -> Result<(), u16> {
    while !body.is_empty() {
        let (prefix, rest) = body.split_at_checked(5).ok_or(13_u16)?;
        let length = prefix[1..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if prefix[0] != 0 {
            return Err(12);
        }
        if length > MAX_LENGTH {
            return Err(8);
        }
        let (message, rest) = rest.split_at_checked(length).ok_or(13_u16)?;
        let (request, resource) = request(message).ok_or(13_u16)?;
        if !matches!(resource.as_str(), "" | SECRET) || request.names.len() > 100 {
            return Err(3);
        }
        requests.push(request);
        body = rest;
    }
    Ok(())
}

/// The request, and the type of the resources that it wants. Of a field that is there twice the last one counts, and messages are merged.
fn request(message: &[u8]) -> Option<(SdsRequest, String)> {
    let mut resource = String::new();
    let mut request = SdsRequest { node: None, names: Vec::new(), nonce: String::new(), error: None };
    for (number, value) in fields(message, 0)? {
        match number {
            2 => inside(&mut request.node, value, 1)?,
            3 => request.names.push(text(value)?),
            4 => resource = text(value)?,
            5 => request.nonce = text(value)?,
            6 => inside(&mut request.error, value, 2)?,
            _ => {}
        }
    }
    Some((request, resource))
}

/// The text in the field `wanted` of a message.
fn inside(found: &mut Option<String>, message: Option<&[u8]>, wanted: u64) -> Option<()> {
    let found = found.get_or_insert_default();
    for (number, value) in fields(message?, 1)? {
        if number == wanted {
            *found = text(value)?;
        }
    }
    Some(())
}

fn text(value: Option<&[u8]>) -> Option<String> {
    String::from_utf8(value?.to_vec()).ok()
}

/// The number of each field, and its bytes if it has any.
type Fields<'a> = Vec<(u64, Option<&'a [u8]>)>;

/// The fields of a message (`protobuf.dev/programming-guides/encoding`).
fn fields(mut message: &[u8], depth: usize) -> Option<Fields<'_>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (number, kind) = key(&mut message)?;
        fields.push((number, field(&mut message, number, kind, depth)?));
    }
    Some(fields)
}

/// The number and the kind of a field.
fn key(message: &mut &[u8]) -> Option<(u64, u64)> {
    let key = varint(message)?;
    (key >> 3 != 0 && u32::try_from(key).is_ok()).then_some((key >> 3, key & 7))
}

/// Takes the value of a field. `depth`: the groups and the message around it.
fn field<'a>(message: &mut &'a [u8], number: u64, kind: u64, depth: usize) -> Option<Option<&'a [u8]>> {
    // The limit of the library.
    if depth == 100 {
        return None;
    }
    match kind {
        0 => varint(message).map(|_| None),
        1 => take(message, 8).map(|_| None),
        2 => {
            let length = varint(message)?;
            take(message, length).map(Some)
        }
        // A group, which ends with a key of its number.
        3 => loop {
            let (inner, kind) = key(message)?;
            if kind == 4 {
                return (inner == number).then_some(None);
            }
            field(message, inner, kind, depth + 1)?;
        },
        5 => take(message, 4).map(|_| None),
        _ => None,
    }
}

fn take<'a>(message: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(usize::try_from(length).ok()?)?;
    *message = rest;
    Some(taken)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        // 64 bits.
        if place == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
