//! Dotted names that configurations ask a loader to import and call.
//!
//! A configuration may name any class of a framework: that is what it is for. So whole frameworks are
//! harmless here but for the places in them that load, fetch or run, other than in a pickle, where each
//! name counts.

/// What calling a name can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callable {
    Harmless,
    /// It runs code or a program, reads, writes or connects.
    Runs,
    Unlisted,
}

/// Judges a name as `package.module.name`.
pub(crate) fn judge(name: &str) -> Callable {
    let name = name.trim();
    let root = name.split('.').next().unwrap_or_default();
    if name
        .split('.')
        .any(|part| part.starts_with("__") && part != "__main__")
    {
        return Callable::Runs;
    }
    if is_in(HARMLESS, name) {
        Callable::Harmless
    } else if is_in(RUNS, name) || RUNNING_PACKAGES.binary_search(&root).is_ok() {
        Callable::Runs
    } else if FRAMEWORKS.binary_search(&root).is_ok() {
        Callable::Harmless
    } else {
        Callable::Unlisted
    }
}

/// Whether a name can only be meant as something to call: words like `test` and `code` are also others.
pub(super) fn is_unmistakable(name: &str) -> bool {
    name.trim()
        .split_once('.')
        .is_some_and(|(root, _)| UNMISTAKABLE.contains(&root))
}

/// Whether calling a name resolves another one, which is given as `path`.
pub(super) fn resolves_path(name: &str) -> bool {
    RESOLVERS.contains(&name.trim())
}

/// Whether the table has the name, or something that it is a part of.
fn is_in(table: &[&str], name: &str) -> bool {
    table.iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Names of the standard library that make values and do nothing else.
const HARMLESS: &[&str] = &[
    "builtins.bool",
    "builtins.bytes",
    "builtins.complex",
    "builtins.dict",
    "builtins.float",
    "builtins.frozenset",
    "builtins.int",
    "builtins.len",
    "builtins.list",
    "builtins.max",
    "builtins.min",
    "builtins.range",
    "builtins.round",
    "builtins.set",
    "builtins.slice",
    "builtins.sorted",
    "builtins.str",
    "builtins.sum",
    "builtins.tuple",
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "datetime",
    "decimal.Decimal",
    "fractions.Fraction",
    "math",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "uuid.UUID",
];

/// Packages of the standard library, and a few beside it, that reach outside of the interpreter or run
/// what they are given. Sorted.
const RUNNING_PACKAGES: &[&str] = &[
    "__builtin__",
    "__builtins__",
    "_aix_support",
    "_io",
    "_osx_support",
    "_pickle",
    "_posixsubprocess",
    "_pyio",
    "_thread",
    "_xxinterpchannels",
    "_xxsubinterpreters",
    "aiohttp",
    "antigravity",
    "asyncio",
    "asyncore",
    "atexit",
    "bdb",
    "builtins",
    "cPickle",
    "cProfile",
    "cffi",
    "cloudpickle",
    "code",
    "codecs",
    "codeop",
    "commands",
    "concurrent",
    "ctypes",
    "dbm",
    "dill",
    "distutils",
    "doctest",
    "ensurepip",
    "faulthandler",
    "fileinput",
    "ftplib",
    "gc",
    "glob",
    "gzip",
    "http",
    "httplib",
    "httpx",
    "idlelib",
    "imaplib",
    "imp",
    "importlib",
    "io",
    "joblib",
    "jsonpickle",
    "lib2to3",
    "linecache",
    "logging",
    "lzma",
    "mailcap",
    "marshal",
    "mmap",
    "modulefinder",
    "multiprocessing",
    "nntplib",
    "nt",
    "ntpath",
    "os",
    "paramiko",
    "pdb",
    "pickle",
    "pip",
    "pkg_resources",
    "pkgutil",
    "platform",
    "poplib",
    "posix",
    "posixpath",
    "profile",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "sched",
    "setuptools",
    "sh",
    "shelve",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "sysconfig",
    "tarfile",
    "telnetlib",
    "tempfile",
    "test",
    "threading",
    "timeit",
    "tkinter",
    "trace",
    "tracemalloc",
    "turtle",
    "unittest",
    "urllib",
    "urllib2",
    "urllib3",
    "venv",
    "webbrowser",
    "winreg",
    "wsgiref",
    "xmlrpc",
    "zipapp",
    "zipfile",
    "zipimport",
];

/// Packages whose names are no other words.
const UNMISTAKABLE: &[&str] = &[
    "__builtin__",
    "builtins",
    "ctypes",
    "importlib",
    "os",
    "pickle",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
];

/// Functions of Hydra that import what their `path` names.
const RESOLVERS: &[&str] = &[
    "hydra.utils.get_class",
    "hydra.utils.get_method",
    "hydra.utils.get_object",
    "hydra.utils.get_static_method",
];

/// Places in frameworks that load, fetch or run.
const RUNS: &[&str] = &[
    "keras.models.load_model",
    "keras.saving",
    "keras.src.saving",
    "keras.src.utils.file_utils",
    "keras.utils.get_file",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.fromfile",
    "numpy.fromregex",
    "numpy.genfromtxt",
    "numpy.lib.npyio",
    "numpy.load",
    "numpy.loadtxt",
    "numpy.memmap",
    "numpy.save",
    "numpy.savez",
    "numpy.testing",
    "pandas.eval",
    "pandas.io.pickle",
    "pandas.read_pickle",
    "tensorflow.io.read_file",
    "tensorflow.io.write_file",
    "tensorflow.keras.models.load_model",
    "tensorflow.keras.utils.get_file",
    "tensorflow.load_library",
    "tensorflow.load_op_library",
    "tensorflow.py_function",
    "tensorflow.saved_model.load",
    "torch._dynamo",
    "torch._inductor",
    "torch.classes.load_library",
    "torch.distributed.elastic",
    "torch.distributed.launch",
    "torch.distributed.rpc",
    "torch.distributed.run",
    "torch.hub",
    "torch.jit.load",
    "torch.load",
    "torch.multiprocessing",
    "torch.ops.load_library",
    "torch.package",
    "torch.serialization",
    "torch.utils.bottleneck",
    "torch.utils.collect_env",
    "torch.utils.cpp_extension",
    "torch.utils.model_zoo",
    "torchvision.datasets.utils",
];

/// Packages whose classes configurations are made of. Sorted.
const FRAMEWORKS: &[&str] = &[
    "accelerate",
    "albumentations",
    "audiocraft",
    "audiotools",
    "bitsandbytes",
    "cldm",
    "clip",
    "comfy",
    "controlnet_aux",
    "cosmos",
    "datasets",
    "deepspeed",
    "diffusers",
    "einops",
    "flax",
    "huggingface_hub",
    "imagen_pytorch",
    "imwatermark",
    "jax",
    "k_diffusion",
    "keras",
    "keras_cv",
    "keras_hub",
    "keras_nlp",
    "kornia",
    "ldm",
    "librosa",
    "lightning",
    "lightning_fabric",
    "lycoris",
    "mmcv",
    "mmdet",
    "mmengine",
    "monai",
    "nemo",
    "numpy",
    "omegaconf",
    "onnx",
    "onnxruntime",
    "open_clip",
    "optax",
    "optimum",
    "pandas",
    "peft",
    "pytorch_lightning",
    "rembg",
    "sam2",
    "scipy",
    "segment_anything",
    "sgm",
    "sklearn",
    "speechbrain",
    "taming",
    "tensorflow",
    "tf_keras",
    "timm",
    "tokenizers",
    "torch",
    "torch_geometric",
    "torchaudio",
    "torchmetrics",
    "torchvision",
    "transformers",
    "trl",
    "ultralytics",
    "unet",
    "vector_quantize_pytorch",
    "wandb",
    "xformers",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [RUNNING_PACKAGES, FRAMEWORKS] {
            assert!(table.is_sorted());
        }
    }

    #[test]
    fn a_framework_is_harmless_but_for_what_runs() {
        for (name, expected) in [
            ("torch.nn.Linear", Callable::Harmless),
            ("torch.hub.load", Callable::Runs),
            ("torch.hubs.Other", Callable::Harmless),
            (
                "ldm.models.diffusion.ddpm.LatentDiffusion",
                Callable::Harmless,
            ),
            ("builtins.dict", Callable::Harmless),
            ("builtins.exec", Callable::Runs),
            ("os.system", Callable::Runs),
            ("torch.nn.Linear.__init__.__globals__", Callable::Runs),
            ("my_project.Net", Callable::Unlisted),
            ("${model.class}", Callable::Unlisted),
        ] {
            assert_eq!(judge(name), expected, "{name}");
        }
    }
}
