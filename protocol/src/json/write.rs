//! From the types of the wire to JSON.

/// What can be written.
pub trait ToJson {
    /// Appends it.
    fn to_json(&self, out: &mut Writer);

    /// Says whether a field that may be left out is left out with this value.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Returns the JSON of a value.
pub fn to_string<T: ToJson + ?Sized>(value: &T) -> String {
    let mut out = Writer(String::new());
    value.to_json(&mut out);
    out.0
}

/// JSON in the making.
#[derive(Debug)]
pub struct Writer(String);

impl Writer {
    /// Appends a text.
    pub fn text(&mut self, text: &str) {
        self.0.push('"');
        for letter in text.chars() {
            match letter {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(letter);
                }
                '\n' => self.0.push_str("\\n"),
                '\0'..='\x1f' => {
                    self.0.push_str("\\u00");
                    for digit in [letter as u8 >> 4, letter as u8 & 15] {
                        self.0.push(char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }));
                    }
                }
                letter => self.0.push(letter),
            }
        }
        self.0.push('"');
    }

    /// Appends a whole number.
    pub fn number(&mut self, value: u64) {
        if value >= 10 {
            self.number(value / 10);
        }
        self.0.push(char::from(b'0' + (value % 10) as u8));
    }

    /// Appends what stands for itself: `null`, a bracket, a sign.
    pub fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Opens an object or an array.
    pub fn open(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// Closes it.
    pub fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// Begins the next field of an object.
    pub fn name(&mut self, name: &str) {
        self.item();
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    /// Begins the next item of an array.
    pub fn item(&mut self) {
        if !matches!(self.0.as_bytes().last(), Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }
}

impl ToJson for bool {
    fn to_json(&self, out: &mut Writer) {
        out.raw(if *self { "true" } else { "false" });
    }

    fn is_absent(&self) -> bool {
        !*self
    }
}

impl ToJson for u64 {
    fn to_json(&self, out: &mut Writer) {
        out.number(*self);
    }
}

impl ToJson for u32 {
    fn to_json(&self, out: &mut Writer) {
        out.number(u64::from(*self));
    }
}

impl ToJson for u16 {
    fn to_json(&self, out: &mut Writer) {
        out.number(u64::from(*self));
    }
}

impl ToJson for String {
    fn to_json(&self, out: &mut Writer) {
        out.text(self);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self, out: &mut Writer) {
        match self {
            Some(value) => value.to_json(out),
            None => out.raw("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self, out: &mut Writer) {
        out.open('[');
        for value in self {
            out.item();
            value.to_json(out);
        }
        out.close(']');
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self, out: &mut Writer) {
        self.as_slice().to_json(out);
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}
