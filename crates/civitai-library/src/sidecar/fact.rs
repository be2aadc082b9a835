//! What sidecars tell.

/// Something that more than one form tells, or that is written into new sidecars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fact {
    /// Civitai's id of the model.
    ModelId,
    /// Its title.
    ModelName,
    /// The creator's text on it, HTML.
    ModelDescription,
    /// Its type, in Civitai's words.
    ModelType,
    /// Whether its creator calls it not safe for work.
    Nsfw,
    /// Its tags.
    Tags,
    /// Who published it.
    Creator,
    /// Civitai's id of the version.
    VersionId,
    /// Its name.
    VersionName,
    /// The creator's text on it, HTML.
    VersionDescription,
    /// What it runs on.
    BaseModel,
    /// The words that call what it learned.
    TrainedWords,
    /// When it was published.
    PublishedAt,
    /// Its counters.
    Stats,
    /// The name that Civitai gives the file.
    FileName,
    /// Civitai's id of the file.
    FileId,
    /// Its role in its version, in Civitai's words.
    FileType,
    /// Its format, precision and size.
    FileMetadata,
    /// Its digests, as Civitai names them.
    Hashes,
    /// Its SHA-256, upper case.
    Sha256,
    /// The digest of its tensors, cut to 12 digits, upper case.
    AutoV3,
    /// The digest of its tensors, whole, upper case.
    TensorHash,
    /// Where its first picture is.
    Thumbnail,
    /// How mature that picture is, as a bit mask.
    ThumbnailLevel,
    /// The page it is from.
    PageUrl,
    /// The name its owner gives it.
    Title,
    /// The weight its owner likes.
    Weight,
    /// What its owner notes.
    Notes,
    /// When it came into the library.
    ImportedAt,
    /// The name of the file on this disk, without its extension.
    Stem,
    /// Its path on this disk.
    Path,
    /// Its size.
    Bytes,
    /// When it was last changed, in seconds since 1970.
    Modified,
    /// The path of its preview on this disk.
    Preview,
    /// Model and version in one line; made of the two.
    FullName,
}
