use crate::scan::rule::rule_table;

rule_table! { "Pickle":
    DENIED = "pickle_denied", Malicious,
        "it names a callable that can run code, read, write or connect", "GHSA advisories of picklescan and fickling; the Python and PyTorch references";
    PATCHED = "pickle_patched", Malicious,
        "it sets attributes of a class, function or module, so that later calls do something else", "BUILD on a global, arXiv 2508.15987";
    TENSOR_WRITE = "pickle_tensor_write", Malicious,
        "it stores items into a tensor or a storage while they are being loaded", "CVE-2026-24747";
    ARGUMENTS = "pickle_arguments", Suspicious,
        "it calls an allowed callable with arguments that no pickler gives it", "fail closed";
    CALL = "pickle_call", Suspicious,
        "it calls something that is no named callable", "fail closed";
    EXPANSION = "pickle_expansion", Suspicious,
        "shared values make a small pickle a huge value", "exponential containers, fickling";
    EXTENSION = "pickle_extension", Suspicious,
        "it names a callable by a number of the extension registry", "copyreg.add_extension";
    NOT_ALLOWED = "pickle_not_allowed", Suspicious,
        "it names a callable that is not on the allow list", "fail closed";
    PERSISTENT_ID = "pickle_persistent_id", Suspicious,
        "it has a persistent id that is not that of a PyTorch storage", "fail closed";
    RECEIVER = "pickle_receiver", Suspicious,
        "it adds items or state to a value of another kind than picklers do", "fail closed";
    UNRESOLVED = "pickle_unresolved", Suspicious,
        "it names a callable that only running it would tell", "STACK_GLOBAL on computed values";
    FRAME = "pickle_frame", Malformed,
        "a frame does not hold whole opcodes, or is longer than the file", "PEP 3154";
    LEFTOVER = "pickle_leftover", Malformed,
        "values or marks are left on the stack at its end", "pickletools.dis";
    MEMO = "pickle_memo", Malformed,
        "it takes a value from the memo that was never put there, or puts one where none can be", "pickle.Unpickler";
    OPCODE = "pickle_opcode", Malformed,
        "a byte is no opcode", "pickletools";
    PROTOCOL = "pickle_protocol", Malformed,
        "its protocol is newer than any that is defined", "PEP 574";
    STACK = "pickle_stack", Malformed,
        "an opcode takes more from the stack than there is, or a mark that is not there", "pickle.Unpickler";
    TRAILING = "pickle_trailing", Malformed,
        "bytes that are no pickle follow the last one", "fail closed";
    VALUE = "pickle_value", Malformed,
        "a number, a text or a name is not written as its opcode demands", "pickle.Unpickler";
    LEGACY = "torch_legacy", Malformed,
        "the parts of a file saved by an old PyTorch are not what that writes", "torch.serialization._legacy_load";
    STORAGE_SIZE = "torch_storage_size", Malformed,
        "a storage has another size than its data", "CVE-2026-24747";
    TENSOR_BOUNDS = "torch_tensor_bounds", Malformed,
        "a tensor reaches outside of its storage", "torch._utils._rebuild_tensor";
    LIMIT_MEMO = "pickle_limit_memo", Unscannable,
        "the memo, or the names, are more than the limit", "memory exhaustion";
    LIMIT_NESTING = "pickle_limit_nesting", Unscannable,
        "lists, dictionaries or tuples are nested more deeply than the limit", "memory exhaustion";
    LIMIT_STACK = "pickle_limit_stack", Unscannable,
        "the stack has more values than the limit", "memory exhaustion";
    OUT_OF_BAND = "pickle_out_of_band", Unscannable,
        "it takes buffers from outside of the file", "PEP 574";
    NESTED_SIZE = "pickle_nested_size", Unscannable,
        "a pickle inside it is larger than what is kept in memory", "fail closed";
}
