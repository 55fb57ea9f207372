//! Escaping of the text format 0.0.4 (Prometheus documentation, "Exposition formats").

/// Appends a label value: `\` becomes `\\`, `"` becomes `\"`, a line feed becomes `\n`. The rest stays as it is.
pub fn label_value(value: &str, out: &mut Vec<u8>) {
    for &byte in value.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            _ => push(byte, out),
        }
    }
}

/// Appends a HELP text: `\` becomes `\\`, a line feed becomes `\n`. Quotes stay.
pub fn help(text: &str, out: &mut Vec<u8>) {
    text.bytes().for_each(|byte| push(byte, out));
}

fn push(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader of the format makes of an escaped text.
    fn unescape(text: &[u8]) -> Vec<u8> {
        let (mut plain, mut bytes) = (Vec::new(), text.iter().copied());
        while let Some(byte) = bytes.next() {
            plain.push(match byte {
                b'\\' => match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(escaped @ (b'\\' | b'"')) => escaped,
                    other => panic!("no such escape: {other:?}"),
                },
                _ => byte,
            });
        }
        plain
    }

    fn escaped(escape: fn(&str, &mut Vec<u8>), text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        escape(text, &mut out);
        out
    }

    proptest! {
        #[test]
        fn any_label_value_reads_back_and_never_ends_the_quote(value in "[\\\\\"\n\r\t{}=,a-c\u{e9}\u{0}]{0,24}|.*") {
            let out = escaped(label_value, &value);
            prop_assert_eq!(unescape(&out), value.as_bytes());
            prop_assert!(!out.contains(&b'\n'));
            let mut open = true;
            let mut bytes = out.iter();
            while let Some(byte) = bytes.next() {
                if *byte == b'\\' { bytes.next(); } else { open &= *byte != b'"'; }
            }
            prop_assert!(open, "a bare quote ends the value");
        }

        #[test]
        fn any_help_reads_back_and_stays_on_its_line(text in "[\\\\\"\n\r\ta-c\u{e9}]{0,24}|.*") {
            let out = escaped(help, &text);
            prop_assert_eq!(unescape(&out), text.as_bytes());
            prop_assert!(!out.contains(&b'\n'));
        }
    }
}
