//! Methods in two forms at once.

/// Declares methods of a class, each with its twin for asyncio: both do `work` with what `self.$with()?` gives them, which
/// is made before anything is awaited.
macro_rules! twins {
    ($class:ty, $with:ident {
        $(
            $(#[$attribute:meta])*
            fn $name:ident / $twin:ident [$($signature:tt)*] ($($arg:ident: $ty:ty),*) -> $out:ty = $work:path;
        )*
    }) => {
        #[pyo3::pymethods]
        impl $class {
            $(
                $(#[$attribute])*
                #[pyo3(signature = ($($signature)*))]
                fn $name(&self, py: pyo3::Python<'_>, $($arg: $ty),*) -> pyo3::PyResult<$out> {
                    $crate::runtime::wait(py, $work(self.$with()?, $($arg),*))
                }

                $(#[$attribute])*
                #[pyo3(signature = ($($signature)*))]
                fn $twin(&self, $($arg: $ty),*) -> pyo3::PyResult<$crate::runtime::Coroutine> {
                    Ok($crate::runtime::coroutine($work(self.$with()?, $($arg),*)))
                }
            )*
        }
    };
}
