//! The macro `delayed!`.

/// Makes a task of the call of a function, which may travel to another process.
///
/// The function is named by any path (generic ones are inferred, methods are written
/// `Type::method(&value, argument)`), or is a closure that captures nothing, in parentheses.
/// Up to eight arguments are evaluated now, by value or as shared references: `&T`, `&str`,
/// `&[T]`. Each must be serializable, and so must the result. A worker process rebuilds what is
/// passed by reference; on threads nothing is copied.
///
/// ```
/// use joblib_parallel::{Parallel, delayed};
///
/// fn scaled(values: &[f64], factor: f64) -> Vec<f64> {
///     values.iter().map(|value| value * factor).collect()
/// }
///
/// let values = vec![1.0, 2.0];
/// let tasks = (1..=2).map(|factor| delayed!(scaled(&values, f64::from(factor))));
/// assert_eq!(Parallel::new().n_jobs(2).run(tasks)?, [[1.0, 2.0], [2.0, 4.0]]);
///
/// let sums = (0..3).map(|i| delayed!((|a: i32, b: i32| a + b)(i, 10)));
/// assert_eq!(Parallel::new().n_jobs(2).run(sums)?, [10, 11, 12]);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
///
/// Each `delayed!` in a program makes tasks of a type of its own, as each closure has. Tasks of one loop
/// come from one of them, in an iterator: `[10, 20].map(|n| delayed!(f(n)))`, not
/// `[delayed!(f(10)), delayed!(f(20))]`.
///
/// Variables in the place of the function do not compile, because nothing could bring them to the
/// other process: they belong among the arguments.
///
/// ```compile_fail
/// # use joblib_parallel::delayed;
/// let factor = 2.0;
/// let task = delayed!((|value: f64| value * factor)(1.0));
/// ```
#[macro_export]
macro_rules! delayed {
    // The last group of the call is its arguments; what stands before it, the function.
    (@split [$($function:tt)+] ($($arguments:tt)*)) => {
        $crate::delayed!(@call [$($function)+] $($arguments)*)
    };
    (@split [$($function:tt)*] $next:tt $($rest:tt)+) => {
        $crate::delayed!(@split [$($function)* $next] $($rest)+)
    };
    (@split $($other:tt)*) => {
        ::core::compile_error!(
            "`delayed!` takes the call of a function: `delayed!(path::function(a, &b))`"
        )
    };

    (@call $f:tt) => { $crate::delayed!(@make portable0 $f fn() -> _;) };
    (@call $f:tt $a:expr $(,)?) => {
        $crate::delayed!(@make portable1 $f fn(_) -> _; a $a)
    };
    (@call $f:tt $a:expr, $b:expr $(,)?) => {
        $crate::delayed!(@make portable2 $f fn(_, _) -> _; a $a, b $b)
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr $(,)?) => {
        $crate::delayed!(@make portable3 $f fn(_, _, _) -> _; a $a, b $b, c $c)
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr, $d:expr $(,)?) => {
        $crate::delayed!(@make portable4 $f fn(_, _, _, _) -> _; a $a, b $b, c $c, d $d)
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr, $d:expr, $e:expr $(,)?) => {
        $crate::delayed!(@make portable5 $f fn(_, _, _, _, _) -> _; a $a, b $b, c $c, d $d, e $e)
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr $(,)?) => {
        $crate::delayed!(
            @make portable6 $f fn(_, _, _, _, _, _) -> _; a $a, b $b, c $c, d $d, e $e, g $g
        )
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr, $h:expr $(,)?) => {
        $crate::delayed!(
            @make portable7 $f fn(_, _, _, _, _, _, _) -> _;
            a $a, b $b, c $c, d $d, e $e, g $g, h $h
        )
    };
    (@call $f:tt $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $g:expr, $h:expr, $i:expr $(,)?) => {
        $crate::delayed!(
            @make portable8 $f fn(_, _, _, _, _, _, _, _) -> _;
            a $a, b $b, c $c, d $d, e $e, g $g, h $h, i $i
        )
    };
    (@call $f:tt $($more:tt)*) => {
        ::core::compile_error!(
            "`delayed!` takes up to eight arguments: put several into a tuple or a struct"
        )
    };

    // `match` rather than `let`: what the arguments borrow lives on to the end of the statement.
    (@make $new:ident [$($f:tt)+] $pointer:ty; $($name:ident $argument:expr),*) => {
        match $crate::__private::$new(
            {
                struct JoblibName;
                impl $crate::__private::Named for JoblibName {
                    const NAME: &'static str = ::core::stringify!($($f)+);
                }
                JoblibName
            },
            |$($name),*| $($f)+($($name),*),
            $(match $crate::__private::Probe($argument) {
                probe => probe.kind().of(probe),
            }),*
        ) {
            task => {
                // Only closures without captures become function pointers.
                let function = $crate::__private::Portable::function(&task);
                $crate::__private::captured_variables_must_be_passed_as_arguments::<$pointer>(
                    function,
                );
                task
            }
        }
    };

    ($($call:tt)+) => { $crate::delayed!(@split [] $($call)+) };
}
