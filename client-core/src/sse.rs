//! Server-sent events out of a stream of text, as the HTML standard reads them.

/// Takes chunks of a response and gives whole events.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    rest: String,
    data: String,
    after_return: AfterReturn,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AfterReturn {
    #[default]
    No,
    Yes,
}

/// An event or a line longer than this is cut off at the source: nothing of ours is longer.
const EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The stream is not what a Rejoin server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Decoder {
    /// Takes a chunk and returns the data of each event that it completes.
    ///
    /// # Errors
    /// [`TooLong`] when an event has no end: the link should be dropped.
    pub fn push(&mut self, chunk: &str) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        let mut text = chunk;
        if self.after_return == AfterReturn::Yes && !text.is_empty() {
            // The line feed of a CR LF that was cut in two.
            text = text.strip_prefix('\n').unwrap_or(text);
            self.after_return = AfterReturn::No;
        }
        while let Some(end) = text.find(['\n', '\r']) {
            let (line, rest) = text.split_at(end);
            self.rest.push_str(line);
            self.line(&mut events);
            text = if let Some(after) = rest.strip_prefix('\r') {
                if after.is_empty() {
                    self.after_return = AfterReturn::Yes;
                }
                after.strip_prefix('\n').unwrap_or(after)
            } else {
                rest.strip_prefix('\n').unwrap_or(rest)
            };
        }
        self.rest.push_str(text);
        if self.rest.len() + self.data.len() > EVENT_BYTES { Err(TooLong) } else { Ok(events) }
    }

    fn line(&mut self, events: &mut Vec<String>) {
        let line = core::mem::take(&mut self.rest);
        if line.is_empty() {
            if self.data.ends_with('\n') {
                self.data.pop();
                events.push(core::mem::take(&mut self.data));
            }
        } else if let Some(value) = line.strip_prefix("data:") {
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.data.push('\n');
        }
        // Ids, names, comments and unknown fields carry nothing that the frames do not say.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<String> {
        let mut decoder = Decoder::default();
        chunks.iter().flat_map(|chunk| decoder.push(chunk).expect("short")).collect()
    }

    #[test]
    fn an_event_is_given_at_its_empty_line_however_it_is_cut() {
        let stream = "id: 7\r\ndata: {\"a\":1}\r\n\r\n: heartbeat\n\ndata:x\ndata: y\n\ndata\n\nid: 9\n\rdata: z\r\r";
        let expected = ["{\"a\":1}", "x\ny", "z"];
        assert_eq!(events(&[stream]), expected);
        for cut in 1..stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(events(&[head, tail]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_refused() {
        let mut decoder = Decoder::default();
        let chunk = "x".repeat(1024 * 1024);
        assert!((0..4).any(|_| decoder.push(&chunk).is_err()) || decoder.push(&chunk).is_err());
    }
}
