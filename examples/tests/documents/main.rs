//! What holds the documents to the code and to each other.

mod from_pytorch;
mod lecture_editions;
