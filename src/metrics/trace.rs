//! The trace that a request belongs to (W3C Trace Context, "traceparent Header").

/// A trace and the span in it that the request came from. Neither is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// `trace-id`.
    pub trace_id: u128,
    /// `parent-id`.
    pub span_id: u64,
}

impl Trace {
    /// Reads the value of a `traceparent` header of version 00: `00-{32 digits}-{16 digits}-{2 digits}`, all of them
    /// lower-case hexadecimal, neither id zero. Anything else is none.
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value: &[u8; 55] = value.try_into().ok()?;
        if value[..3] != *b"00-" || value[35] != b'-' || value[52] != b'-' {
            return None;
        }
        let trace_id = hexadecimal(&value[3..35])?;
        let span_id = hexadecimal(&value[36..52])? as u64;
        hexadecimal(&value[53..])?;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id })
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_specification_is_read() {
        let expected = Trace { trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span_id: 0x00f0_67aa_0ba9_02b7 };
        assert_eq!(Trace::parse(EXAMPLE.as_bytes()), Some(expected));
        assert_eq!(Trace::parse(EXAMPLE.replace("-01", "-00").as_bytes()), Some(expected), "whether sampled or not");
    }

    #[test]
    fn what_is_not_exactly_version_00_is_none() {
        for header in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::parse(header.as_bytes()), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn every_pair_of_ids_is_read_back(trace_id in 1_u128.., span_id in 1_u64.., flags: u8) {
            let header = format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}");
            prop_assert_eq!(Trace::parse(header.as_bytes()), Some(Trace { trace_id, span_id }));
        }

        #[test]
        fn no_byte_can_change_to_something_that_is_none_of_its_alphabet(at in 0_usize..55, byte: u8) {
            let mut header = EXAMPLE.as_bytes().to_vec();
            header[at] = byte;
            let fits = match at {
                0 | 1 => byte == b'0',
                2 | 35 | 52 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            };
            prop_assert_eq!(Trace::parse(&header).is_some(), fits);
        }
    }
}
