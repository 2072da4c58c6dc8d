#if canImport(Glibc)
    import Glibc
#endif

/// A linear classifier with an L2 penalty: the minimum of ½‖w‖² + c·Σ log(1 + exp(−y(w·x + b))), y = ±1.
///
/// This is scikit-learn's `LogisticRegression(C=c)`; the intercept b is not penalised. The function is strictly convex, so
/// there is one minimum; Newton's method with a line search finds it to the precision of f64.
public struct LogisticRegression: Sendable, Equatable {
    public var weights: [Double]
    public var intercept: Double

    /// - Parameters:
    ///   - x: [n × columns], row after row.
    ///   - labels: n, both kinds among them.
    ///   - c: inverse strength of the penalty, positive.
    public init(_ x: [Double], columns d: Int, labels: [Bool], c: Double) {
        let n = labels.count
        precondition(x.count == n * d && d > 0 && c > 0, "\(x.count) values for \(n) × \(d)")
        precondition(labels.contains(true) && labels.contains(false), "examples of one kind only")
        var theta = [Double](repeating: 0, count: d + 1)
        var margins = [Double](repeating: 0, count: n)
        var value = Self.loss(x, d, labels, c, theta, &margins)
        for _ in 0..<100 {
            let (gradient, hessian) = Self.derivatives(x, d, labels, c, theta, margins)
            let step = Self.solve(hessian, gradient, d + 1)
            // g·H⁻¹g, twice what a full step promises to gain.
            let promise = zip(gradient, step).reduce(0.0) { sum, pair in sum + pair.0 * pair.1 }
            guard promise > 1e-18 * max(1, value) else { break }
            var t = 1.0
            while t > 1e-12 {
                let next = zip(theta, step).map { old, change in old - t * change }
                var nextMargins = margins
                let nextValue = Self.loss(x, d, labels, c, next, &nextMargins)
                if nextValue <= value - 1e-4 * t * promise {
                    (theta, margins, value) = (next, nextMargins, nextValue)
                    break
                }
                t /= 2
            }
            // Where no step gains, the value cannot be told from the minimum any more.
            if t <= 1e-12 { break }
        }
        weights = Array(theta.dropLast())
        intercept = theta[d]
    }

    /// w·x + b; positive means true.
    public func margin(_ x: some Collection<Double>) -> Double {
        zip(weights, x).reduce(intercept) { sum, pair in sum + pair.0 * pair.1 }
    }

    /// The objective; leaves w·x + b of every example in `margins`.
    private static func loss(
        _ x: [Double], _ d: Int, _ labels: [Bool], _ c: Double, _ theta: [Double], _ margins: inout [Double]
    ) -> Double {
        var sum = 0.0
        x.withUnsafeBufferPointer { x in
            for i in labels.indices {
                var margin = theta[d]
                for j in 0..<d { margin += theta[j] * x[i * d + j] }
                margins[i] = margin
                let away = labels[i] ? -margin : margin
                // log(1 + exp(away)) without overflow.
                sum += max(away, 0) + log1p(exp(-abs(away)))
            }
        }
        let norm = theta.dropLast().reduce(0.0) { $0 + $1 * $1 }
        return 0.5 * norm + c * sum
    }

    /// Gradient [d + 1] and Hessian [(d + 1) × (d + 1)], its lower triangle.
    private static func derivatives(
        _ x: [Double], _ d: Int, _ labels: [Bool], _ c: Double, _ theta: [Double], _ margins: [Double]
    ) -> (gradient: [Double], hessian: [Double]) {
        let width = d + 1
        var gradient = theta
        gradient[d] = 0
        var hessian = [Double](repeating: 0, count: width * width)
        for j in 0..<d { hessian[j * width + j] = 1 }
        // The intercept has no penalty; this keeps it determined where every example is far on its side.
        hessian[d * width + d] = 1e-12
        var row = [Double](repeating: 1, count: width)
        hessian.withUnsafeMutableBufferPointer { h in
            row.withUnsafeMutableBufferPointer { row in
                for i in labels.indices {
                    for j in 0..<d { row[j] = x[i * d + j] }
                    let p = 1 / (1 + exp(-margins[i]))
                    let r = c * (p - (labels[i] ? 1 : 0))
                    let s = c * p * (1 - p)
                    for a in 0..<width {
                        gradient[a] += r * row[a]
                        let f = s * row[a]
                        let line = UnsafeMutableBufferPointer(rebasing: h[(a * width)...(a * width + a)])
                        for b in 0...a { line[b] += f * row[b] }
                    }
                }
            }
        }
        return (gradient, hessian)
    }

    /// H⁻¹g by Cholesky's decomposition of H, whose lower triangle is given.
    private static func solve(_ hessian: [Double], _ gradient: [Double], _ n: Int) -> [Double] {
        var l = hessian
        var y = gradient
        for i in 0..<n {
            for j in 0...i {
                var sum = l[i * n + j]
                for k in 0..<j { sum -= l[i * n + k] * l[j * n + k] }
                l[i * n + j] = i == j ? sum.squareRoot() : sum / l[j * n + j]
            }
            for k in 0..<i { y[i] -= l[i * n + k] * y[k] }
            y[i] /= l[i * n + i]
        }
        for i in (0..<n).reversed() {
            for k in i + 1..<n { y[i] -= l[k * n + i] * y[k] }
            y[i] /= l[i * n + i]
        }
        return y
    }
}
