use joblib_parallel::delayed;

fn main() {
    let _task = delayed!(f64::sqrt);
}
