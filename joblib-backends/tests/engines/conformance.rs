use joblib_backends::backend_conformance;

backend_conformance!(engine, crate::engine(2));
