//! Until when a certificate is good: the one field of X.509 that is read here, in DER (RFC 5280, section 4.1).

/// When `certificate` ends, in seconds since the Unix epoch, 0 if that was before; `None` if it is no X.509.
pub(super) fn not_after(certificate: &[u8]) -> Option<u64> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if *fields.first()? == VERSION {
        fields = element(fields)?.2;
    }
    for _before in ["serial number", "signature", "issuer"] {
        fields = element(fields)?.2;
    }
    let (_, validity, _) = element(fields)?;
    let (_, _not_before, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    seconds(tag, time)
}

/// The first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match length {
        0..=127 => (usize::from(length), rest),
        // The length's own length; what is longer than 4 GiB is no certificate.
        129..=132 => {
            let (length, rest) = rest.split_at_checked(usize::from(length & 127))?;
            (length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn seconds(tag: u8, time: &[u8]) -> Option<u64> {
    let digits = time.strip_suffix(b"Z")?;
    let pair = |at: usize| match digits.get(at..at + 2)? {
        &[ten, one] if ten.is_ascii_digit() && one.is_ascii_digit() => {
            Some(i64::from(ten - b'0') * 10 + i64::from(one - b'0'))
        }
        _ => None,
    };
    let (year, at) = match (tag, digits.len()) {
        (UTC_TIME, 12) => (pair(0).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        (GENERALIZED_TIME, 14) => (pair(0)? * 100 + pair(2)?, 4),
        _ => return None,
    };
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|offset| pair(at + offset));
    let (month, day) = (month.filter(|month| (1..=12).contains(month))?, day.filter(|day| (1..=31).contains(day))?);
    let seconds = ((days(year, month, day) * 24 + hour?) * 60 + minute?) * 60 + second?;
    Some(u64::try_from(seconds).unwrap_or(0))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, whose years are taken to begin in March: the day that leap years have
/// more is then the last of the year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_month = (153 * month + 2) / 5;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + before_month + day - 1 - 719_468
}

/// `[0]`, which certificates of version 1 lack.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (year, month, day, expected) in [
            (1970, 1, 1, 0),
            (1970, 3, 1, 59),
            (2000, 2, 29, 11_016),
            (2000, 3, 1, 11_017),
            (2100, 3, 1, 47_541),
            (9999, 12, 31, 2_932_896),
        ] {
            assert_eq!(days(year, month, day), expected, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn both_forms_of_a_time_are_read_and_nothing_else() {
        assert_eq!(seconds(UTC_TIME, b"700101000001Z"), Some(1));
        assert_eq!(seconds(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(UTC_TIME, b"500101000000Z"), Some(0), "1950");
        assert_eq!(
            seconds(GENERALIZED_TIME, b"99991231235959Z"),
            Some(253_402_300_799),
            "never ends (RFC 5280, 4.1.2.5)"
        );
        for (tag, time) in [
            (UTC_TIME, &b"700101000001"[..]),
            (UTC_TIME, b"7001010000Z"),
            (UTC_TIME, b"70010100000xZ"),
            (UTC_TIME, b"701301000000Z"),
            (UTC_TIME, b"700100000000Z"),
            (GENERALIZED_TIME, b"700101000001Z"),
            (4, b"700101000001Z"),
        ] {
            assert_eq!(seconds(tag, time), None, "{time:?}");
        }
    }

    #[test]
    fn every_part_of_a_certificate_tells_its_end_and_what_is_cut_off_does_not() {
        let parameters = || {
            let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
            parameters.not_after = rcgen::date_time_ymd(2050, 6, 1);
            parameters
        };
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters().self_signed(&key).expect("a certificate");
        let bytes: &[u8] = certificate.der();
        assert_eq!(not_after(bytes), Some(2_537_654_400));
        let read = (0..bytes.len()).filter(|&length| not_after(&bytes[..length]).is_some()).count();
        assert_eq!(read, 0, "a certificate is as long as it says");
        for length in 0..64 {
            // Whatever the bytes are, it answers.
            let _ = not_after(&vec![0x30; length]);
            let _ = not_after(&vec![0xff; length]);
        }
    }
}
