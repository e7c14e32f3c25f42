//! Models in several files, as llama.cpp splits them: `NAME-00001-of-00003.gguf` and those beside it.
//!
//! The first file has the metadata; every file says which it is and of how many. Decides which files belong together
//! by their names alone, so that they can be copied, and that what they say of themselves agrees.
//!
//! Invariant: a model is joined from all of its files or not at all.
//!
//! # Source
//! `llama_split_path` and the keys `split.no`, `split.count`, `split.tensors.count` of llama.cpp.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inference_kernels::Mapping;

use super::Gguf;
use crate::error::{ModelError, malformed};

/// Most files of one model.
const PARTS_MAX: u32 = 1024;
/// Digits of a number in a file's name.
const DIGITS: usize = 5;

/// One of the files of a model, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What stands before the numbers: the model's name.
    pub stem: String,
    /// Which one it is, from 1 on.
    pub number: u32,
    /// How many there are.
    pub count: u32,
}

impl Part {
    /// What the name of the file at `path` says; `None` if it is no part of several.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (rest, count) = name.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let (number, count) = (digits(number)?, digits(count)?);
        let sound = !stem.is_empty() && (1..=count).contains(&number) && count <= PARTS_MAX;
        sound.then(|| Self {
            stem: stem.to_owned(),
            number,
            count,
        })
    }

    /// The names of all files of the model, in order.
    pub fn names(&self) -> Vec<PathBuf> {
        let Self { stem, count, .. } = self;
        (1..=*count)
            .map(|number| PathBuf::from(format!("{stem}-{number:05}-of-{count:05}.gguf")))
            .collect()
    }
}

/// The GGUF file to open in the folder `directory`: the only one, or the first of one model's; `None` if there is no such file.
pub fn inside(directory: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(directory).ok()?.flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == "gguf"))
        .collect();
    files.sort();
    let first = files.first()?.clone();
    let parts = Part::of(&first).map_or(1, |part| part.count as usize);
    let stem = |path: &PathBuf| Part::of(path).map(|part| part.stem);
    let one = files.iter().all(|file| stem(file) == stem(&first));
    (files.len() == parts && one).then_some(first)
}

fn digits(text: &str) -> Option<u32> {
    let plain = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Refuses a file that is only a part of a model.
pub(super) fn check_whole(file: &Gguf) -> Result<(), ModelError> {
    match file.number("split.count")? {
        Some(count) if count > 1 => Err(ModelError::Unsupported(format!(
            "it is one of {count} files of a model; open the first of them, where the others lie beside it"
        ))),
        _ => Ok(()),
    }
}

/// `first` with the tensors of the files beside it, if there are any.
pub(super) fn join(mut first: Gguf, path: &Path) -> Result<Gguf, ModelError> {
    let count = first.number("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(first);
    }
    let part = Part::of(path).filter(|part| u64::from(part.count) == count);
    let Some(part) = part else {
        return Err(ModelError::Unsupported(format!(
            "it is one of {count} files of a model, but is not called so; call them NAME-00001-of-{count:05}.gguf and so on"
        )));
    };
    check_number(&first, part.number)?;
    if part.number != 1 {
        let names = part.names();
        return Err(ModelError::Unsupported(format!(
            "it is file {} of {count} of a model; open the first, {}",
            part.number,
            names[0].display()
        )));
    }
    let total = first.number("split.tensors.count")?;
    for (number, name) in (2..).zip(part.names().iter().skip(1)) {
        let path = path.with_file_name(name);
        let mapping = Mapping::open(&path).map_err(|error| {
            let text = format!(
                "{}: {error}; all {count} files must lie together",
                name.display()
            );
            ModelError::Io(std::io::Error::new(error.kind(), text))
        })?;
        let other = Gguf::parse(mapping)?;
        check_number(&other, number)?;
        first.append(other)?;
    }
    match total {
        Some(total) if total != first.tensors.len() as u64 => Err(malformed(format!(
            "its {count} files have {} tensors together, but the first says {total}",
            first.tensors.len()
        ))),
        _ => Ok(first),
    }
}

/// Whether a file says of itself what its name says; in the file the first is 0.
fn check_number(file: &Gguf, number: u32) -> Result<(), ModelError> {
    match file.number("split.no")? {
        Some(found) if found + 1 == u64::from(number) => Ok(()),
        found => Err(malformed(format!(
            "the file that is called number {number} says that it is number {}",
            found.map_or_else(|| "none".to_owned(), |found| (found + 1).to_string())
        ))),
    }
}

impl Gguf {
    /// Takes the tensors of `other` in.
    fn append(&mut self, other: Self) -> Result<(), ModelError> {
        let file = self.mappings.len();
        self.mappings.extend(other.mappings.iter().map(Arc::clone));
        for (name, mut info) in other.tensors {
            info.file = file;
            if self.tensors.insert(name.clone(), info).is_some() {
                return Err(malformed(format!("the tensor `{name}` is in two files")));
            }
        }
        Ok(())
    }
}
