"""Fitted models and tables for `cargo xtask compat`, and whether they survived a conversion.

    sklearn_models.py write FOLDER [few]
    sklearn_models.py check FOLDER

`write` puts NAME.joblib into the folder; `check` compares each with NAME.pkl.xz and prints its name.
"""

import sys
from pathlib import Path

import joblib
import numpy
import pandas
import scipy.sparse
from sklearn import (
    cluster,
    compose,
    datasets,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    linear_model,
    mixture,
    model_selection,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

X, Y = datasets.load_iris(return_X_y=True)
WORDS = ["one two three", "two three four", "three four five", "six"]


def models():
    """Name, estimator that is not fitted, what it is fitted to."""
    columns = compose.ColumnTransformer(
        [("scale", preprocessing.StandardScaler(), [0, 1]), ("bins", preprocessing.KBinsDiscretizer(3, encode="onehot"), [2, 3])]
    )
    classifier = pipeline.Pipeline([("columns", columns), ("model", linear_model.LogisticRegression())])
    search = model_selection.GridSearchCV(svm.SVC(), {"C": [0.5, 2.0]}, cv=3)
    few = [
        ("logistic", linear_model.LogisticRegression(max_iter=500)),
        ("forest", ensemble.RandomForestClassifier(20, random_state=0)),
        ("histograms", ensemble.HistGradientBoostingClassifier(max_iter=10)),
        ("pipeline", classifier),
        ("search", search),
    ]
    more = [
        ("linear", linear_model.LinearRegression()),
        ("ridge", linear_model.RidgeCV()),
        ("lasso", linear_model.Lasso(0.1)),
        ("sgd", linear_model.SGDClassifier(random_state=0)),
        ("svc", svm.SVC(probability=False)),
        ("linear_svc", svm.LinearSVC()),
        ("svr", svm.SVR()),
        ("tree", tree.DecisionTreeClassifier(random_state=0)),
        ("tree_regressor", tree.DecisionTreeRegressor(max_depth=3)),
        ("extra_trees", ensemble.ExtraTreesRegressor(5, random_state=0)),
        ("boosting", ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0)),
        ("ada", ensemble.AdaBoostClassifier(n_estimators=5, random_state=0)),
        ("isolation", ensemble.IsolationForest(n_estimators=10, random_state=0)),
        ("bayes", naive_bayes.GaussianNB()),
        ("multinomial", naive_bayes.MultinomialNB()),
        ("neighbours", neighbors.KNeighborsClassifier(algorithm="kd_tree")),
        ("ball_tree", neighbors.KNeighborsRegressor(algorithm="ball_tree")),
        ("kmeans", cluster.KMeans(3, n_init=2, random_state=0)),
        ("pca", decomposition.PCA(2)),
        ("svd", decomposition.TruncatedSVD(2, random_state=0)),
        ("lda", discriminant_analysis.LinearDiscriminantAnalysis()),
        ("mixture", mixture.GaussianMixture(2, random_state=0)),
        ("network", neural_network.MLPClassifier((5,), max_iter=20, random_state=0)),
        ("process", gaussian_process.GaussianProcessClassifier()),
        ("standard", preprocessing.StandardScaler()),
        ("min_max", preprocessing.MinMaxScaler()),
        ("one_hot", preprocessing.OneHotEncoder(handle_unknown="ignore")),
        ("ordinal", preprocessing.OrdinalEncoder()),
        ("quantiles", preprocessing.QuantileTransformer(n_quantiles=20)),
        ("polynomial", preprocessing.PolynomialFeatures()),
        ("imputer", impute.SimpleImputer()),
        ("k_best", feature_selection.SelectKBest(k=2)),
    ]
    return few, more


def tables():
    """Values that are no models."""
    frame = pandas.DataFrame(
        {"n": [1, 2, 3], "x": [0.5, None, 2.5], "text": ["a", "b", None]},
        index=pandas.date_range("2026-01-01", periods=3),
    )
    frame["kind"] = pandas.Categorical(["u", "v", "u"])
    matrix = scipy.sparse.random(50, 40, 0.1, random_state=0)
    words = feature_extraction.text.TfidfVectorizer().fit(WORDS)
    isotone = isotonic.IsotonicRegression().fit(X[:, 0], Y)
    return {
        "csr": matrix.tocsr(),
        "csc": matrix.tocsc(),
        "coo": matrix.tocoo(),
        "frame": frame,
        "series": frame["x"],
        "tfidf": words,
        "isotonic": isotone,
        "random": numpy.random.RandomState(3),
        "generator": numpy.random.default_rng(3),
        "masked": numpy.ma.masked_array([1.0, 2.0], [True, False]),
    }


def write(folder, few):
    some, more = models()
    for name, model in some if few else some + more:
        joblib.dump(model.fit(X, Y), folder / f"{name}.joblib")
    values = tables()
    for name in ["csr", "frame"] if few else values:
        joblib.dump(values[name], folder / f"{name}.joblib")


def outputs(model):
    """Everything the model can say, as bytes."""
    said = {}
    for method in ["predict", "predict_proba", "decision_function", "transform", "score_samples"]:
        if hasattr(model, method):
            inputs = WORDS if type(model).__name__ == "TfidfVectorizer" else X
            inputs = X[:, 0] if type(model).__name__ == "IsotonicRegression" else inputs
            answer = getattr(model, method)(inputs)
            answer = answer.toarray() if scipy.sparse.issparse(answer) else answer
            said[method] = (answer.dtype, answer.shape, answer.tobytes())
    return said


def same(a, b):
    assert type(a) is type(b), (type(a), type(b))
    if scipy.sparse.issparse(a):
        return a.shape == b.shape and (a != b).nnz == 0
    if isinstance(a, (pandas.DataFrame, pandas.Series)):
        (pandas.testing.assert_frame_equal if a.ndim == 2 else pandas.testing.assert_series_equal)(a, b)
        return True
    if isinstance(a, numpy.random.RandomState):
        return (a.random_sample(100) == b.random_sample(100)).all()
    if isinstance(a, numpy.random.Generator):
        return (a.random(100) == b.random(100)).all()
    if isinstance(a, numpy.ma.MaskedArray):
        return repr(a) == repr(b)
    if repr(a.get_params()) != repr(b.get_params()) or sorted(vars(a)) != sorted(vars(b)):
        return False
    said = outputs(a)
    return bool(said) and said == outputs(b)


def check(folder):
    for path in sorted(folder.glob("*.joblib")):
        converted = folder / f"{path.stem}.pkl.xz"
        if not same(joblib.load(path), joblib.load(converted)):
            sys.exit(f"{path.stem} is another one after its conversion")
        print(path.stem, flush=True)


if __name__ == "__main__":
    what, folder = sys.argv[1], Path(sys.argv[2])
    write(folder, "few" in sys.argv[3:]) if what == "write" else check(folder)
