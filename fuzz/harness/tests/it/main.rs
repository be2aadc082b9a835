//! What is made reaches the parsers, what fails is found, and other readers agree.

mod campaign;
mod pickletools;
