/// A piece of the code in a template, and the byte where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{{` or `{%`.
    Open(Block),
    /// The end of what was opened last.
    Close,
    Name(String),
    /// A string, its escapes resolved.
    Text(String),
    Number(String),
    Operator(char),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Expression,
    Statement,
}

/// The code of a template: what stands between `{{` and `}}` or `{%` and `%}`.
pub(super) struct Code {
    pub(super) tokens: Vec<Token>,
    /// Where code begins that has no end, or a string in it.
    pub(super) unfinished: Option<usize>,
}

/// Reads the code of a template as Jinja does: comments and raw text are skipped, and a bracket inside
/// code keeps `}}` from ending it.
pub(super) fn code(template: &str) -> Code {
    let mut lexer = Lexer {
        text: template,
        at: 0,
        tokens: Vec::new(),
    };
    let unfinished = lexer.read().err();
    Code {
        tokens: lexer.tokens,
        unfinished,
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Fails with the place of code that has no end.
    fn read(&mut self) -> Result<(), usize> {
        while let Some(found) = self.rest().find('{') {
            self.at += found;
            let start = self.at;
            match self.text.as_bytes().get(start + 1) {
                Some(b'#') => self.skip_past("#}").ok_or(start)?,
                Some(b'{') => self.block(Block::Expression, '}')?,
                Some(b'%') => {
                    let first = self.tokens.len();
                    self.block(Block::Statement, '%')?;
                    if self.is_raw(first) {
                        self.tokens.truncate(first);
                        self.skip_raw().ok_or(start)?;
                    }
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn block(&mut self, block: Block, end: char) -> Result<(), usize> {
        let start = self.at;
        self.push(start, Kind::Open(block));
        self.at += 2;
        let mut brackets = 0_usize;
        while let Some(char) = self.rest().chars().next() {
            let at = self.at;
            if brackets == 0 && char == end && self.rest()[1..].starts_with('}') {
                self.at += 2;
                self.push(at, Kind::Close);
                return Ok(());
            }
            match char {
                '"' | '\'' => self.string(char).ok_or(start)?,
                _ if char.is_alphabetic() || char == '_' => {
                    let name = self.run(|char| char.is_alphanumeric() || char == '_');
                    self.push(at, Kind::Name(name));
                }
                _ if char.is_ascii_digit() => {
                    let number = self.run(|char| char.is_ascii_alphanumeric() || char == '_');
                    self.push(at, Kind::Number(number));
                }
                _ => {
                    self.at += char.len_utf8();
                    match char {
                        '(' | '[' | '{' => brackets += 1,
                        ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
                        _ => {}
                    }
                    if !char.is_whitespace() {
                        self.push(at, Kind::Operator(char));
                    }
                }
            }
        }
        Err(start)
    }

    fn string(&mut self, quote: char) -> Option<()> {
        let at = self.at;
        let mut text = String::new();
        let mut chars = self.text[at + 1..].char_indices();
        while let Some((index, char)) = chars.next() {
            if char == quote {
                self.at = at + 1 + index + 1;
                self.push(at, Kind::Text(text));
                return Some(());
            }
            if char == '\\' {
                let escaped = chars.as_str();
                let (decoded, len) = escape(escaped)?;
                text.extend(decoded);
                let next = escaped.len() - len;
                while chars.as_str().len() > next {
                    chars.next();
                }
            } else {
                text.push(char);
            }
        }
        None
    }

    fn is_raw(&self, first: usize) -> bool {
        self.tokens[first..].iter().any(|token| match &token.kind {
            Kind::Name(name) => name == "raw",
            _ => false,
        }) && self.tokens.len() <= first + 5
    }

    /// Skips to the end of the statement that ends raw text.
    fn skip_raw(&mut self) -> Option<()> {
        loop {
            let rest = self.rest();
            let open = rest.find("{%")?;
            self.at += open + 2;
            let inner = self.rest().trim_start_matches(['-', '+']).trim_start();
            if inner.starts_with("endraw") {
                return self.skip_past("%}");
            }
        }
    }

    fn skip_past(&mut self, end: &str) -> Option<()> {
        self.at += self.rest().find(end)? + end.len();
        Some(())
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let len = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
        let run = rest[..len].to_owned();
        self.at += len;
        run
    }

    fn push(&mut self, at: usize, kind: Kind) {
        self.tokens.push(Token { at, kind });
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }
}

/// What an escape stands for, and its bytes after the backslash.
fn escape(rest: &str) -> Option<(Option<char>, usize)> {
    let first = rest.chars().next()?;
    let code = |digits: usize, radix| {
        let digits = rest.get(1..=digits)?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?)
    };
    Some(match first {
        'x' => (code(2, 16), 3),
        'u' => (code(4, 16), 5),
        'U' => (code(8, 16), 9),
        '0'..='7' => {
            let digits = rest
                .bytes()
                .take(3)
                .take_while(|byte| (b'0'..=b'7').contains(byte));
            let len = digits.count();
            let value = u32::from_str_radix(&rest[..len], 8).ok()?;
            (char::from_u32(value), len)
        }
        'n' => (Some('\n'), 1),
        't' => (Some('\t'), 1),
        'r' => (Some('\r'), 1),
        '\n' => (None, 1),
        _ => (Some(first), first.len_utf8()),
    })
    .map(|(char, len)| (char, len.min(rest.len())))
}
