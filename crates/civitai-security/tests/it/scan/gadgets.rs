//! Callables by which published attacks on scanners ran something, and what hides them; named, never run.

use civitai_security::scan::Verdict;

use super::pickle::{call, name, pickle, text};
use super::{assert_verdict, scan};

/// Module and name, one a line: advisories of picklescan and fickling, and the papers that list gadgets.
const GADGETS: &str = "
__builtin__ apply
__builtin__ execfile
_aix_support _read_cmd_output
_ctypes LoadLibrary
_interpreters exec
_io FileIO
_osx_support _read_output
_posixsubprocess fork_exec
_pyrepl.pager pipe_pager
argparse _os.system
asyncio.subprocess create_subprocess_shell
bdb Bdb.run
builtins __dict__.get
builtins __import__
builtins getattr
builtins object.__subclasses__
builtins setattr
cProfile runctx
cffi FFI
cloudpickle.cloudpickle subimport
code InteractiveInterpreter.runcode
codecs open
collections OrderedDict.__init__.__globals__
collections _sys.modules
collections.abc sys.modules
concurrent.futures ThreadPoolExecutor
copyreg add_extension
ctypes CDLL
dataclasses make_dataclass
datetime sys
decimal _sys.modules.get
dill._dill _create_function
distutils.file_util write_file
doctest debug_script
ensurepip _run_pip
fastai.learner load_learner
functools reduce
gc get_objects
git Repo.clone_from
http.client HTTPSConnection
hydra.utils instantiate
idlelib.autocomplete AutoComplete.get_entity
idlelib.calltip get_entity
idlelib.debugobj ObjectTreeItem.SetText
idlelib.pyshell ModifiedInterpreter.runcode
idlelib.run Executive.runcode
imaplib IMAP4_stream.open
importlib.metadata EntryPoint.load
io FileIO
joblib load
joblib.externals.cloudpickle loads
keras.models load_model
lib2to3.pgen2.grammar Grammar.loads
lib2to3.pgen2.pgen ParserGenerator.make_label
linecache getline
logging.config dictConfig
marshal loads
mlflow.pyfunc load_model
multiprocessing.util spawnv_passfds
nt startfile
numexpr evaluate
numpy core.multiarray.fromfile
numpy load
numpy os.system
numpy.f2py.crackfortran _eval_length
numpy.f2py.crackfortran getlincoef
numpy.f2py.diagnose run_command
numpy.testing._private.utils runstring
operator attrgetter
operator methodcaller
os environ.__setitem__
pandas eval
pandas read_pickle
pandas.core.computation.eval eval
pathlib Path.write_text
pathlib os.system
pickle _loads
pip main
pip._internal.cli.main main
pkgutil resolve_name
posix execve
profile Profile.runctx
psutil Popen
pty spawn
pydoc locate
pydoc pipepager
random _os.system
runpy _run_code
shutil copyfile
site addsitedir
smtplib SMTP
socket create_connection
sqlite3 connect
statsmodels.iolib.smpickle load_pickle
subprocess getoutput
sympy.core.sympify sympify
sys setprofile
tarfile open
tempfile NamedTemporaryFile
tensorflow.python.ops.io_ops read_file
test.support.script_helper assert_python_ok
threading Timer
timeit timeit
torch UntypedStorage.from_file
torch load
torch._dynamo.guards GuardBuilder.get
torch._inductor.codecache compile_file
torch._utils sys.modules
torch.distributed.rpc init_rpc
torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression
torch.hub load
torch.jit.unsupported_tensor_ops execWrapper
torch.nn.modules.module os
torch.ops load_library
torch.package PackageImporter
torch.serialization load
torch.utils._config_module ConfigModule.load_config
torch.utils.bottleneck.__main__ run_cprofile
torch.utils.collect_env run
torch.utils.cpp_extension load_inline
torch.utils.data.datapipes.utils.decoder basichandlers
trace Trace.run
transformers.dynamic_module_utils get_class_from_dynamic_module
types CodeType
types FunctionType
typing get_type_hints
ultralytics.utils.downloads download
unittest.mock _importer
urllib.request urlopen
uu decode
uuid _get_command_stdout
venv main
webbrowser open
win32api WinExec
yaml unsafe_load
zipfile ZipFile
";

fn gadgets() -> impl Iterator<Item = (&'static str, &'static str)> {
    GADGETS.lines().filter_map(|line| line.split_once(' '))
}

#[test]
fn gadgets_are_malicious_wherever_they_are_named() {
    for (module, callee) in gadgets() {
        let global = name(module, callee);
        let old = format!("c{module}\n{callee}\n");
        let called = call(module, callee, &text("echo"));
        for (how, parts) in [
            ("called", vec![&called[..]]),
            ("named only", vec![&global]),
            ("named by protocol 0", vec![old.as_bytes()]),
            ("made as an object", vec![&global, b")\x81"]),
            ("called, and the result dropped", vec![&called, b"0N"]),
            ("called for a key", vec![b"}", &called, b"K\x01s"]),
            ("called between marks", vec![b"(", &called, b"1N"]),
            ("called for the state of an object", {
                vec![b"\x8c\x08argparse\x8c\x09Namespace\x93)\x81", &called, b"b"]
            }),
            ("asked for items", {
                vec![
                    b"\x8c\x0bcollections\x8c\x0bdefaultdict\x93",
                    &global,
                    b"\x85R",
                ]
            }),
        ] {
            let report = scan("a.pkl", pickle(&parts));
            assert_eq!(
                report.verdict,
                Verdict::Malicious,
                "{module}.{callee} {how}: {report:#?}"
            );
        }
    }
}

#[test]
fn what_applies_a_gadget_to_arguments_does_not_hide_it() {
    let system = name("os", "system");
    let arguments = [&text("echo")[..], b"\x85"].concat();
    for (module, callee, of) in [
        (
            "torch._tensor",
            "_rebuild_from_type_v2",
            [&system[..], &name("torch", "Tensor"), &arguments, b"}"].concat(),
        ),
        (
            "copyreg",
            "_reconstructor",
            [&system[..], &name("builtins", "object"), b"N"].concat(),
        ),
        ("copyreg", "__newobj__", [&system[..], &text("x")].concat()),
        ("functools", "partial", [&system[..], &text("x")].concat()),
        (
            "torch._utils",
            "_rebuild_parameter",
            [&call("os", "system", &text("x"))[..], b"\x88}"].concat(),
        ),
    ] {
        assert_verdict(
            "a.pkl",
            &pickle(&[&call(module, callee, &of)]),
            Verdict::Malicious,
        );
    }
    for word in ["storage", "module"] {
        let id = [&text(word)[..], &system, &text("0"), &text("cpu"), b"K\x01"].concat();
        let report = scan("a.pkl", pickle(&[b"(", &id, b"tQ"]));
        assert_eq!(report.verdict, Verdict::Malicious, "{word}: {report:#?}");
    }
}

#[test]
fn classes_on_no_list_are_suspicious_and_no_more() {
    for (module, class) in [
        ("sklearn.linear_model._base", "LinearRegression"),
        ("ultralytics.nn.tasks", "DetectionModel"),
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
        ("omegaconf.dictconfig", "DictConfig"),
        ("my_project.models", "Net"),
    ] {
        let bytes = pickle(&[&name(module, class), b")\x81}b"]);
        assert_verdict("a.pkl", &bytes, Verdict::Suspicious);
    }
}
