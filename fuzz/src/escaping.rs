//! Text of others in what the daemon writes: labels and help of the exposition, strings of JSON. Whoever reads it back has the text.

use tamis::json::write::Writer;
use tamis::metrics::escape;

/// The room of a short buffer, and then a text.
pub fn run(input: &[u8]) {
    let Some((&room, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut label = Vec::new();
    escape::label_value(text, &mut label);
    assert_eq!(unescaped(&label, true).as_deref(), Some(text.as_bytes()));
    let mut help = Vec::new();
    escape::help(text, &mut help);
    assert_eq!(unescaped(&help, false).as_deref(), Some(text.as_bytes()));
    let mut out = vec![0; 6 * text.len() + 2];
    let mut writer = Writer::new(&mut out);
    writer.string(text);
    let length = writer.finish().expect("six bytes for each are enough");
    assert_eq!(serde_json::from_slice::<String>(&out[..length]).expect("JSON"), text);
    // Where there is no room, nothing is written beyond, and it is told.
    let room = usize::from(room);
    let mut short = vec![0xff; room + 1];
    let mut writer = Writer::new(&mut short[..room]);
    writer.string(text);
    assert_eq!(writer.finish(), (length <= room).then_some(length));
    assert_eq!(short[room], 0xff);
    let same = short.iter().zip(&out[..length]).take_while(|(short, whole)| short == whole).count();
    assert!(short[same..].iter().all(|&byte| byte == 0xff), "neither a part of it nor nothing");
}

/// What a reader of the text format makes of a label's value, or of a help text, in which quotation marks are plain.
pub fn unescaped(text: &[u8], in_quotes: bool) -> Option<Vec<u8>> {
    let (mut plain, mut bytes) = (Vec::new(), text.iter());
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'"' if in_quotes => b'"',
                b'\\' => b'\\',
                _ => return None,
            },
            b'\n' => return None,
            b'"' if in_quotes => return None,
            other => other,
        });
    }
    Some(plain)
}
