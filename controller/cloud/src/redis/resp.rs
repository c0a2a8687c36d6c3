//! Redis's protocol: commands in, replies out, in its second or third version.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>. A command longer than the limits is malformed, and ends its
//! connection, as Redis does it.

/// Arguments of a command.
const ARGUMENTS_MAX: usize = 1024;
/// Bytes of a command.
pub(crate) const COMMAND_BYTES_MAX: usize = 1 << 20;

/// What a client sent is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub &'static str);

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Simple(&'static str),
    Error(String),
    Integer(i64),
    Text(Vec<u8>),
    Null,
    List(Vec<Reply>),
    Map(Vec<(&'static str, Reply)>),
}

/// A command's arguments, and the bytes that it took; `None`: there is more to come.
type Parsed = Option<(Vec<Vec<u8>>, usize)>;

/// The first command in what was read.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let Some((line, mut at)) = line(bytes, 0)? else { return Ok(None) };
    let Some(count) = line.strip_prefix(b"*") else {
        // A line of words, as a person types it.
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok(Some((words.map(<[u8]>::to_vec).collect(), at)));
    };
    let count = number(count).filter(|count| *count <= ARGUMENTS_MAX);
    let count = count.ok_or(Malformed("invalid multibulk length"))?;
    let mut arguments = Vec::new();
    for _ in 0..count {
        let Some((head, next)) = self::line(bytes, at)? else { return Ok(None) };
        let length = head.strip_prefix(b"$").and_then(number).filter(|length| *length <= COMMAND_BYTES_MAX);
        let length = length.ok_or(Malformed("invalid bulk length"))?;
        let Some(argument) = bytes.get(next..next + length) else { return more(bytes) };
        match bytes.get(next + length..next + length + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(Malformed("expected CRLF")),
            None => return more(bytes),
        }
        arguments.push(argument.to_vec());
        at = next + length + 2;
    }
    Ok(Some((arguments, at)))
}

/// The line that begins there, and where the next one does.
fn line(bytes: &[u8], from: usize) -> Result<Option<(&[u8], usize)>, Malformed> {
    let rest = bytes.get(from..).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]), from + end + 1))),
        None => more(bytes).map(|_| None),
    }
}

fn more(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if bytes.len() > COMMAND_BYTES_MAX { Err(Malformed("too big a request")) } else { Ok(None) }
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Reply {
    /// Writes it in that version of the protocol.
    pub fn write(&self, third: bool, out: &mut Vec<u8>) {
        let mut text = |text: String| out.extend_from_slice(text.as_bytes());
        match self {
            Self::Simple(word) => text(format!("+{word}\r\n")),
            Self::Error(why) => text(format!("-{}\r\n", why.replace(['\r', '\n'], " "))),
            Self::Integer(number) => text(format!(":{number}\r\n")),
            Self::Null => text(if third { "_\r\n".into() } else { "$-1\r\n".into() }),
            Self::Text(bytes) => {
                text(format!("${}\r\n", bytes.len()));
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::List(all) => {
                text(format!("*{}\r\n", all.len()));
                all.iter().for_each(|one| one.write(third, out));
            }
            Self::Map(pairs) => {
                text(if third { format!("%{}\r\n", pairs.len()) } else { format!("*{}\r\n", 2 * pairs.len()) });
                for (name, value) in pairs {
                    Self::Text(name.as_bytes().to_vec()).write(third, out);
                    value.write(third, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_command_is_read_once_it_is_whole_and_never_beyond_its_limits() {
        let whole = b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\nPING\r\n";
        let (arguments, took) = parse(whole).unwrap().unwrap();
        assert_eq!(arguments, [b"GET".to_vec(), b"a\r\n".to_vec()]);
        for end in 0..took {
            assert_eq!(parse(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(parse(&whole[took..]).unwrap().unwrap(), (vec![b"PING".to_vec()], 6));
        for bad in [&b"*99999\r\n"[..], b"*-1\r\n", b"*1\r\n$9999999\r\n", b"*1\r\n:1\r\n", b"*1\r\n$1\r\nabc"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&vec![b'x'; COMMAND_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_reply_is_written_in_both_versions() {
        let written = |reply: &Reply, third: bool| {
            let mut out = Vec::new();
            reply.write(third, &mut out);
            String::from_utf8(out).unwrap()
        };
        let map = Reply::Map(vec![("a", Reply::Null)]);
        assert_eq!(
            (written(&map, false), written(&map, true)),
            ("*2\r\n$1\r\na\r\n$-1\r\n".into(), "%1\r\n$1\r\na\r\n_\r\n".into())
        );
        assert_eq!(written(&Reply::Error("ERR a\r\nb".into()), false), "-ERR a  b\r\n");
    }
}
