//! The elements of a tensor: as JSON, flat or a list a row; or as bytes, little-endian, row by row, without padding.

use super::request::Input;
use crate::json::read::Value;
use crate::problem::{Fault, Problem};

/// The type of the elements (`inference_rest.md`, "Tensor Data Types"), of those that a model of ours takes or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Datatype {
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Fp32,
    Fp64,
    Bytes,
}

/// Those of numbers.
pub(in crate::api) const NUMBERS: [Datatype; 10] = {
    let [numbers @ .., _] = Datatype::ALL;
    numbers
};

/// Where the elements are.
#[derive(Clone, Copy)]
pub(super) enum Data<'x> {
    /// In the JSON.
    Json(Value<'x>),
    /// Behind it.
    Binary(&'x [u8]),
}

impl Datatype {
    const ALL: [Self; 11] = [
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// Its name in the protocol.
    pub(in crate::api) const fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// That of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|datatype| datatype.as_str() == name)
    }

    /// Bytes of an element; `None` where each says its own.
    const fn size(self) -> Option<usize> {
        match self {
            Self::Int8 | Self::Uint8 => Some(1),
            Self::Int16 | Self::Uint16 => Some(2),
            Self::Int32 | Self::Uint32 | Self::Fp32 => Some(4),
            Self::Int64 | Self::Uint64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// The numbers that an integer type holds, both ends included, as doubles.
    const fn range(self) -> Option<(f64, f64)> {
        match self {
            Self::Int8 => Some((i8::MIN as f64, i8::MAX as f64)),
            Self::Int16 => Some((i16::MIN as f64, i16::MAX as f64)),
            Self::Int32 => Some((i32::MIN as f64, i32::MAX as f64)),
            Self::Int64 => Some((i64::MIN as f64, i64::MAX as f64)),
            Self::Uint8 => Some((0.0, u8::MAX as f64)),
            Self::Uint16 => Some((0.0, u16::MAX as f64)),
            Self::Uint32 => Some((0.0, u32::MAX as f64)),
            Self::Uint64 => Some((0.0, u64::MAX as f64)),
            Self::Fp32 | Self::Fp64 | Self::Bytes => None,
        }
    }

    /// An element of [`Self::size`] bytes in single precision, rounded to nearest as numpy does; `None` of BYTES.
    #[expect(clippy::cast_lossless, reason = "of some types it is, of others not")]
    fn decode(self, bytes: &[u8]) -> Option<f32> {
        macro_rules! number {
            ($type:ty) => {
                <$type>::from_le_bytes(bytes.try_into().ok()?) as f32
            };
        }
        Some(match self {
            Self::Int8 => number!(i8),
            Self::Int16 => number!(i16),
            Self::Int32 => number!(i32),
            Self::Int64 => number!(i64),
            Self::Uint8 => number!(u8),
            Self::Uint16 => number!(u16),
            Self::Uint32 => number!(u32),
            Self::Uint64 => number!(u64),
            Self::Fp32 => number!(f32),
            Self::Fp64 => number!(f64),
            Self::Bytes => return None,
        })
    }

    /// A number of JSON in single precision, rounded to nearest.
    fn read(self, value: Value<'_>) -> Result<f32, Fault> {
        let fault = |problem| Fault::new(problem).field(DATA);
        let double = value.as_f64();
        let double = double.ok_or_else(|| fault(Problem::InvalidType).expected("a number", value.type_name()))?;
        if let Some((least, most)) = self.range()
            && !(double.fract() == 0.0 && (least..=most).contains(&double))
        {
            return Err(fault(Problem::InvalidType).expected("a whole number of the tensor's type", "another number"));
        }
        Ok(double as f32)
    }
}

impl<'x> Input<'x> {
    /// Hands every number of a tensor to `visit`, row by row, with its row and column.
    pub(super) fn numbers(&self, mut visit: impl FnMut(usize, usize, f32)) -> Result<(), Fault> {
        let Some(size) = self.datatype.size() else {
            let fault = Fault::new(Problem::InvalidType).field("inputs[0].datatype");
            return Err(fault.expected("FP32, FP64, or INT or UINT of 8 to 64 bits", "BYTES"));
        };
        let columns = self.columns;
        let mut finite = |row, column, place: Place, number: f32| {
            if !number.is_finite() {
                return Err(place.of(Fault::new(Problem::NumberOutOfRange).field(DATA)));
            }
            visit(row, column, number);
            Ok(())
        };
        match self.data {
            Data::Json(value) => self.each(value, |row, column, place, value| {
                let number = self.datatype.read(value).map_err(|fault| place.of(fault))?;
                finite(row, column, place, number)
            }),
            Data::Binary(bytes) => {
                if bytes.len() != self.rows * columns * size {
                    return Err(wrong_size(bytes.len(), self.rows * columns * size));
                }
                for (at, element) in bytes.chunks_exact(size).enumerate() {
                    let number = self.datatype.decode(element).unwrap_or(f32::NAN);
                    finite(at / columns, at % columns, Place(at, None), number)?;
                }
                Ok(())
            }
        }
    }

    /// Hands every text of a tensor to `visit`, in order.
    pub(super) fn texts(&self, max: usize, mut visit: impl FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.datatype != Datatype::Bytes {
            let fault = Fault::new(Problem::InvalidType).field("inputs[0].datatype");
            return Err(fault.expected("BYTES", self.datatype.as_str()));
        }
        let mut short = |text: &str, place: Place| {
            if text.len() > max {
                return Err(place.of(Fault::new(Problem::TextTooLong).field(DATA).count(text.len(), max)));
            }
            visit(text)
        };
        match self.data {
            Data::Json(value) => self.each(value, |_, _, place, value| {
                let not_a_string = Fault::new(Problem::InvalidType).field(DATA).expected("a string", value.type_name());
                short(value.as_str().ok_or_else(|| place.of(not_a_string))?, place)
            }),
            Data::Binary(bytes) => {
                let mut rest = bytes;
                for row in 0..self.rows {
                    let element = rest
                        .split_first_chunk()
                        .and_then(|(length, after)| after.split_at_checked(u32::from_le_bytes(*length) as usize));
                    let (element, after) = element.ok_or_else(cut_short)?;
                    rest = after;
                    let text = std::str::from_utf8(element).map_err(|invalid| {
                        let fault = Fault::new(Problem::InvalidUtf8).field(DATA).at(invalid.valid_up_to());
                        Place(row, None).of(fault)
                    })?;
                    short(text, Place(row, None))?;
                }
                if rest.is_empty() { Ok(()) } else { Err(wrong_size(bytes.len(), bytes.len() - rest.len())) }
            }
        }
    }

    /// Hands every element of a list, flat or of a list a row, to `visit`, with its row, column and place.
    fn each(
        &self,
        list: Value<'x>,
        mut visit: impl FnMut(usize, usize, Place, Value<'x>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let fault = |problem| Fault::new(problem).field(DATA);
        let not_a_list = fault(Problem::InvalidType).expected("a list", list.type_name());
        let (length, elements) = list.as_array().ok_or(not_a_list)?;
        let mut elements = elements.peekable();
        if elements.peek().is_none_or(|first| first.as_array().is_none()) {
            let needed = self.rows * self.columns;
            if length != needed {
                return Err(fault(Problem::WrongLength)
                    .expected("as many elements as its shape says", "")
                    .count(length, needed));
            }
            let (rows, columns) = (|at| at / self.columns, |at| at % self.columns);
            return elements
                .enumerate()
                .try_for_each(|(at, value)| visit(rows(at), columns(at), Place(at, None), value));
        }
        if length != self.rows {
            return Err(fault(Problem::WrongLength)
                .expected("as many rows as its shape says", "")
                .count(length, self.rows));
        }
        for (row, value) in elements.enumerate() {
            let fault = |problem| Fault::new(problem).field(DATA).element(Some(row), None);
            let not_a_list = fault(Problem::InvalidType).expected("a list, as those before it", value.type_name());
            let (length, values) = value.as_array().ok_or(not_a_list)?;
            if length != self.columns {
                let fault = fault(Problem::WrongLength).expected("as many elements as a row has", "");
                return Err(fault.count(length, self.columns));
            }
            for (column, value) in values.enumerate() {
                visit(row, column, Place(row, Some(column)), value)?;
            }
        }
        Ok(())
    }
}

/// Where an element stands in the lists.
#[derive(Clone, Copy)]
struct Place(usize, Option<usize>);

impl Place {
    fn of(self, fault: Fault) -> Fault {
        fault.element(Some(self.0), self.1)
    }
}

fn wrong_size(found: usize, needed: usize) -> Fault {
    let fault = Fault::new(Problem::WrongLength).field("inputs[0].parameters.binary_data_size");
    fault.expected("as many bytes as shape and datatype say", "").count(found, needed)
}

fn cut_short() -> Fault {
    let fault = Fault::new(Problem::InvalidType).field("inputs[0].parameters.binary_data_size");
    fault.expected("the bytes of as many elements as its shape says, each behind its length", "fewer")
}

const DATA: &str = "inputs[0].data";
