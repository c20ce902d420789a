//! As much of protobuf's wire format as Prometheus's messages need (<https://protobuf.dev/programming-guides/encoding/>): a
//! cursor that borrows, and a writer.

use crate::formats::FormatError;

/// The longest varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;
/// The greatest number of a field.
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// A message, or what is left of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// What is not read yet.
    bytes: &'a [u8],
    /// Where `bytes` begins in the whole input.
    offset: usize,
}

/// The value of a field as it is on the wire.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(Message<'a>),
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    /// The field's number.
    pub number: u64,
    /// Where the field begins in the whole input.
    pub offset: usize,
    value: Value<'a>,
}

impl<'a> Message<'a> {
    /// The whole input.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Message { bytes, offset: 0 }
    }

    /// A message without fields, where `offset` is.
    pub(super) fn empty_at(offset: usize) -> Self {
        Message { bytes: &[], offset }
    }

    /// Where the rest begins in the whole input.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// The next field; `None` at the end.
    ///
    /// # Errors
    ///
    /// A field that runs past the end, a bad number, a varint over ten bytes, a group (no message here has any).
    pub(super) fn next_field(&mut self) -> Result<Option<Field<'a>>, FormatError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 || number > FIELD_NUMBER_MAX {
            return Err(FormatError::in_bytes(offset, format!("{number} is no number of a field")));
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed64()?),
            2 => Value::Bytes(self.delimited()?),
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            3 | 4 => return Err(FormatError::in_bytes(offset, "a group, which no message here uses")),
            wire_type => return Err(FormatError::in_bytes(offset, format!("unknown wire type {wire_type}"))),
        };
        Ok(Some(Field { number, offset, value }))
    }

    /// The next varint.
    pub(super) fn varint(&mut self) -> Result<u64, FormatError> {
        if let Some((&byte, rest)) = self.bytes.split_first()
            && byte < 0x80
        {
            self.bytes = rest;
            self.offset += 1;
            return Ok(u64::from(byte));
        }
        let mut value: u64 = 0;
        for (index, &byte) in self.bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
            if index == VARINT_BYTES_MAX - 1 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.bytes = &self.bytes[index + 1..];
                self.offset += index + 1;
                return Ok(value);
            }
        }
        let message = match self.bytes.len() < VARINT_BYTES_MAX {
            true => "the input ends inside a number",
            false => "a number of more than 64 bits",
        };
        Err(FormatError::in_bytes(self.offset, message))
    }

    /// The message that begins here behind its length.
    ///
    /// # Errors
    ///
    /// A length that cannot be read or runs past the end.
    pub(super) fn delimited(&mut self) -> Result<Message<'a>, FormatError> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let offset = self.offset;
        Ok(Message { bytes: self.take(length)?, offset })
    }

    /// The next eight bytes.
    fn fixed64(&mut self) -> Result<u64, FormatError> {
        let bytes = self.take(8)?;
        Ok(bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            let message = format!("a field of {length} bytes where {} are left", self.bytes.len());
            return Err(FormatError::in_bytes(self.offset, message));
        };
        self.bytes = rest;
        self.offset += length;
        Ok(taken)
    }
}

impl<'a> Field<'a> {
    fn wrong_type(&self, expected: &str) -> FormatError {
        FormatError::in_bytes(self.offset, format!("field {} is not {expected}", self.number))
    }

    /// The value of an integer, a boolean or an enumeration.
    pub(super) fn varint(&self) -> Result<u64, FormatError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.wrong_type("an integer")),
        }
    }

    /// The value of an integer that is written zigzag, so that small negative ones are short.
    pub(super) fn zigzag(&self) -> Result<i64, FormatError> {
        self.varint().map(unzigzag)
    }

    /// The value of a double.
    pub(super) fn double(&self) -> Result<f64, FormatError> {
        self.fixed64().map(f64::from_bits)
    }

    /// Hands the doubles of a repeated field to `take`, whether they are packed or not.
    pub(super) fn doubles(&self, mut take: impl FnMut(f64)) -> Result<(), FormatError> {
        match self.value {
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    take(f64::from_bits(packed.fixed64()?));
                }
                Ok(())
            }
            _ => self.double().map(take),
        }
    }

    /// Hands the zigzag integers of a repeated field to `take`, whether they are packed or not.
    pub(super) fn zigzags(&self, mut take: impl FnMut(i64)) -> Result<(), FormatError> {
        match self.value {
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    take(unzigzag(packed.varint()?));
                }
                Ok(())
            }
            _ => self.zigzag().map(take),
        }
    }

    /// The bits of a double.
    pub(super) fn fixed64(&self) -> Result<u64, FormatError> {
        match self.value {
            Value::Fixed64(bits) => Ok(bits),
            _ => Err(self.wrong_type("a double")),
        }
    }

    /// A message inside this one, or packed integers.
    pub(super) fn message(&self) -> Result<Message<'a>, FormatError> {
        match self.value {
            Value::Bytes(message) => Ok(message),
            _ => Err(self.wrong_type("a message")),
        }
    }

    /// Whether the field holds one unpacked integer.
    pub(super) fn is_varint(&self) -> bool {
        matches!(self.value, Value::Varint(_))
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&'a str, FormatError> {
        let Value::Bytes(message) = self.value else { return Err(self.wrong_type("a text")) };
        std::str::from_utf8(message.bytes)
            .map_err(|error| FormatError::in_bytes(message.offset + error.valid_up_to(), "a text that is not UTF-8"))
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// An integer as [`Field::zigzag`] reads it.
fn zigzagged(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// How many bytes a varint takes.
pub(super) fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes a text or a message of `length` bytes takes as field `number` (below 16).
pub(super) fn delimited_length(length: usize) -> usize {
    1 + varint_length(length as u64) + length
}

/// Appends the head of a text or a message of `length` bytes in field `number` (below 16).
pub(super) fn put_delimited(out: &mut Vec<u8>, number: u8, length: usize) {
    out.push(number << 3 | 2);
    put_varint(out, length as u64);
}

/// Appends a text in field `number` (below 16).
pub(super) fn put_text(out: &mut Vec<u8>, number: u8, text: &str) {
    put_delimited(out, number, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends an integer in field `number`.
pub(super) fn put_integer(out: &mut Vec<u8>, number: u8, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

/// Appends an integer in field `number`, zigzag.
pub(super) fn put_zigzag(out: &mut Vec<u8>, number: u8, value: i64) {
    put_integer(out, number, zigzagged(value));
}

/// Appends a double in field `number`.
pub(super) fn put_double(out: &mut Vec<u8>, number: u8, value: f64) {
    put_varint(out, u64::from(number) << 3 | 1);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends doubles in field `number`, packed; nothing if there are none.
pub(super) fn put_doubles(out: &mut Vec<u8>, number: u8, values: &[f64]) {
    if values.is_empty() {
        return;
    }
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, 8 * values.len() as u64);
    for value in values {
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}
