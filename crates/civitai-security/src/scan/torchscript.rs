//! `TorchScript` archives: a zip whose `code/` directory holds Python source.

use super::rule::rule_table;

rule_table! { "TorchScript": }
