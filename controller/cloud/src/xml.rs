//! Answers in XML, as EC2 and ELBv2 write them: an element a field, a list as elements `item` (EC2) or `member` (ELBv2).
//!
//! What is `None` is not written. Never: knows an operation.
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>, <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>

use std::fmt;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde::ser::{self, Impossible, Serialize};

/// What cannot be written, which is a mistake of this program: a map, a tuple, or a root that is no struct.
#[derive(Debug, thiserror::Error)]
#[error("an answer cannot be written as XML: {0}")]
pub struct Unwritable(String);

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

impl From<std::io::Error> for Unwritable {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A document being written.
pub struct Xml {
    writer: Writer<Vec<u8>>,
    entry: &'static str,
}

impl Xml {
    /// One whose lists have such entries.
    pub fn new(entry: &'static str) -> Self {
        Self { writer: Writer::new(Vec::new()), entry }
    }

    /// Begins the document.
    ///
    /// # Errors
    /// None in memory.
    pub fn declare(&mut self) -> Result<(), Unwritable> {
        Ok(self.writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?)
    }

    /// Opens an element, with its namespace if it has one.
    ///
    /// # Errors
    /// None in memory.
    pub fn open(&mut self, name: &str, namespace: Option<&str>) -> Result<(), Unwritable> {
        let mut start = BytesStart::new(name);
        if let Some(namespace) = namespace {
            start.push_attribute(("xmlns", namespace));
        }
        Ok(self.writer.write_event(Event::Start(start))?)
    }

    /// Closes it.
    ///
    /// # Errors
    /// None in memory.
    pub fn close(&mut self, name: &str) -> Result<(), Unwritable> {
        Ok(self.writer.write_event(Event::End(BytesEnd::new(name)))?)
    }

    /// An element with a text.
    ///
    /// # Errors
    /// None in memory.
    pub fn text(&mut self, name: &str, text: &str) -> Result<(), Unwritable> {
        self.open(name, None)?;
        // Most texts are of letters and numbers; those are not gone through again.
        let text =
            if is_plain(text) { BytesText::from_escaped(text) } else { BytesText::new(&writable(text)).into_owned() };
        self.writer.write_event(Event::Text(text))?;
        self.close(name)
    }

    /// The fields of a struct, each an element, here.
    ///
    /// # Errors
    /// When it is no struct, or has a field that has no place in XML.
    pub fn fields<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(Root { xml: self })
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.writer.into_inner()
    }
}

/// Whether nothing of a text is escaped or left out.
fn is_plain(text: &str) -> bool {
    // Every byte is looked at, so that many are at once.
    let escaped = |byte| matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'"');
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & !escaped(byte))
}

/// XML 1.0 has no way to write most control characters; AWS leaves them out too.
fn writable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')).collect()
}

struct Root<'a> {
    xml: &'a mut Xml,
}

struct Element<'a> {
    xml: &'a mut Xml,
    name: &'static str,
}

/// A struct's fields; afterwards its element is closed if it has one.
struct Fields<'a> {
    xml: &'a mut Xml,
    closes: Option<&'static str>,
}

struct Entries<'a> {
    xml: &'a mut Xml,
    closes: &'static str,
}

fn unwritable<T>(what: &str) -> Result<T, Unwritable> {
    Err(Unwritable(what.to_owned()))
}

macro_rules! refused {
    ($($method:ident $kind:ty),*) => {$(
        fn $method(self, _: $kind) -> Result<(), Unwritable> {
            unwritable("its root is no struct")
        }
    )*};
}

macro_rules! written {
    ($($method:ident $kind:ty),*) => {$(
        fn $method(self, value: $kind) -> Result<(), Unwritable> {
            self.xml.text(self.name, &value.to_string())
        }
    )*};
}

macro_rules! never {
    () => {
        type SerializeTuple = Impossible<(), Unwritable>;
        type SerializeTupleStruct = Impossible<(), Unwritable>;
        type SerializeTupleVariant = Impossible<(), Unwritable>;
        type SerializeMap = Impossible<(), Unwritable>;
        type SerializeStructVariant = Impossible<(), Unwritable>;

        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unwritable> {
            unwritable("a tuple")
        }

        fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unwritable> {
            unwritable("a tuple")
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, Unwritable> {
            unwritable("a variant with values")
        }

        fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
            unwritable("a map")
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, Unwritable> {
            unwritable("a variant with values")
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), Unwritable> {
            unwritable("a variant with values")
        }

        fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritable> {
            unwritable("bytes")
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
            value.serialize(self)
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
            value.serialize(self)
        }

        fn serialize_none(self) -> Result<(), Unwritable> {
            Ok(())
        }
    };
}

impl<'a> ser::Serializer for Root<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Impossible<(), Unwritable>;
    type SerializeStruct = Fields<'a>;

    never!();

    refused!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char,
        serialize_str &str
    );

    fn serialize_unit(self) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Unwritable> {
        unwritable("its root is no struct")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Unwritable> {
        unwritable("its root is no struct")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Unwritable> {
        Ok(Fields { xml: self.xml, closes: None })
    }
}

impl<'a> ser::Serializer for Element<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Entries<'a>;
    type SerializeStruct = Fields<'a>;

    never!();

    written!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char,
        serialize_str &str
    );

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.xml.text(self.name, "")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.xml.text(self.name, "")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, word: &'static str) -> Result<(), Unwritable> {
        self.xml.text(self.name, word)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries<'a>, Unwritable> {
        self.xml.open(self.name, None)?;
        Ok(Entries { xml: self.xml, closes: self.name })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, Unwritable> {
        self.xml.open(self.name, None)?;
        Ok(Fields { xml: self.xml, closes: Some(self.name) })
    }
}

impl ser::SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(Element { xml: self.xml, name })
    }

    fn end(self) -> Result<(), Unwritable> {
        self.closes.map_or(Ok(()), |name| self.xml.close(name))
    }
}

impl ser::SerializeSeq for Entries<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        let name = self.xml.entry;
        value.serialize(Element { xml: self.xml, name })
    }

    fn end(self) -> Result<(), Unwritable> {
        self.xml.close(self.closes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        state_name: &'static str,
        count: u32,
        next_token: Option<String>,
        item_set: Vec<Entry>,
        ids: Vec<&'static str>,
    }

    #[derive(Serialize)]
    struct Entry {
        key: String,
    }

    #[test]
    fn fields_are_elements_lists_have_entries_and_texts_are_escaped() {
        let mut xml = Xml::new("item");
        let entry = |key: &str| Entry { key: key.to_owned() };
        xml.open("R", Some("http://x/")).unwrap();
        xml.fields(&Answer {
            state_name: "a<b&\"c\"\u{1}",
            count: 3,
            next_token: None,
            item_set: vec![entry("k"), entry("l")],
            ids: Vec::new(),
        })
        .unwrap();
        xml.close("R").unwrap();
        assert_eq!(
            String::from_utf8(xml.finish()).unwrap(),
            "<R xmlns=\"http://x/\"><stateName>a&lt;b&amp;&quot;c&quot;</stateName><count>3</count><itemSet><item><key>k</key></item>\
             <item><key>l</key></item></itemSet><ids></ids></R>"
        );
    }

    #[test]
    fn what_has_no_place_in_xml_is_an_error() {
        let map = std::collections::BTreeMap::from([("a", 1)]);
        assert!(Xml::new("item").fields(&map).is_err());
        assert!(Xml::new("item").fields(&3).is_err());
    }
}
