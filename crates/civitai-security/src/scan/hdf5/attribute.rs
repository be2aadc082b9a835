use std::io::Cursor;

use super::Walk;
use super::object::unknown;
use super::source::Fields;
use crate::scan::frame::{Role, Stop};
use crate::scan::input::Input;

impl Walk<'_, '_, '_, '_> {
    /// Reads an attribute; one whose text is JSON is judged as a member of the file.
    pub(super) fn attribute(&mut self, mut fields: Fields<'_>) -> Result<(), Stop> {
        let position = fields.position();
        let version = fields.byte()?;
        if !(1..=3).contains(&version) {
            return Err(unknown(position, "attribute", version));
        }
        let flags = fields.byte()?;
        let mut size = || {
            fields
                .number(2)
                .map(|size| usize::try_from(size).expect("two bytes"))
        };
        let (name_bytes, type_bytes, space_bytes) = (size()?, size()?, size()?);
        fields.skip(usize::from(version == 3))?;
        let mut part = |bytes| -> Result<&[u8], Stop> {
            let part = fields.take(bytes)?;
            if version == 1 {
                fields.align()?;
            }
            Ok(part)
        };
        let name = part(name_bytes)?;
        let data_type = part(type_bytes)?;
        part(space_bytes)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let data = fields.take(fields.left())?;
        let is_shared = version > 1 && flags & 1 != 0;
        if is_shared {
            // Its type stands elsewhere: what cannot be told apart is judged as it lies here.
            return self.judge(&name, data.to_vec());
        }
        let mut data_type = Fields::new(data_type, position);
        let class = data_type.byte()? & 0xf;
        let kind = data_type.byte()? & 0xf;
        data_type.skip(2)?;
        let size = usize::try_from(data_type.number(4)?).unwrap_or(usize::MAX);
        match (class, kind) {
            (STRING | OPAQUE, _) if size > 0 => data
                .chunks(size)
                .try_for_each(|text| self.judge(&name, text.to_vec())),
            (VARIABLE, _) if size > 0 => {
                let mut strings = Fields::new(data, position);
                while strings.left() >= size {
                    let mut string = Fields::new(strings.take(size)?, position);
                    let len = usize::try_from(string.number(4)?).unwrap_or(usize::MAX);
                    let collection = string.number(self.file.offset_bytes)?;
                    let index = string.number(4)?;
                    if len > 0 && !self.file.is_none(collection) && collection != 0 {
                        let text = self.shared_string(collection, index)?;
                        let text = text[..len.min(text.len())].to_vec();
                        self.judge(&name, text)?;
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge(&mut self, name: &str, mut text: Vec<u8>) -> Result<(), Stop> {
        while text.last() == Some(&0) {
            text.pop();
        }
        if !text.trim_ascii_start().starts_with(b"{") && !text.trim_ascii_start().starts_with(b"[")
        {
            return Ok(());
        }
        // A member is told by its name as JSON.
        let name = format!("@{name}.json");
        let mut text = Cursor::new(text);
        let mut input = Input::new(&name, &mut text)?;
        self.scan.member(&name, Role::Data, &mut input)
    }
}

const STRING: u8 = 3;
const OPAQUE: u8 = 5;
const VARIABLE: u8 = 9;
