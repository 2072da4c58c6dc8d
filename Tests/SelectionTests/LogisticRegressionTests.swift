import Foundation
import Selection
import Tensors
import Testing

/// Against scikit-learn (scripts/fixtures/make_probe.py), and by what a minimum is.
@Suite struct LogisticRegressionTests {
    struct Case: Sendable {
        var x: [Double]
        var columns: Int
        var labels: [Bool]
        var c: Double
        var weights: [Double]
        var intercept: Double
        var trainingAccuracy: Double
    }

    static let cases: [Case] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/logistic.json").path
        guard let data = FileManager.default.contents(atPath: path), let json = try? JSON.parse(Array(data)) else {
            preconditionFailure("no \(path)")
        }
        func doubles(_ json: JSON?) -> [Double] { json!.elements!.map { $0.double! } }
        return json["cases"]!.elements!.map { entry in
            Case(
                x: doubles(entry["x"]), columns: entry["columns"]!.int!,
                labels: entry["labels"]!.elements!.map { $0.boolean! }, c: entry["c"]!.double!,
                weights: doubles(entry["weights"]), intercept: entry["intercept"]!.double!,
                trainingAccuracy: entry["training_accuracy"]!.double!)
        }
    }()

    @Test(arguments: cases.indices) func equalsScikitLearn(_ number: Int) {
        let entry = Self.cases[number]
        let fitted = LogisticRegression(entry.x, columns: entry.columns, labels: entry.labels, c: entry.c)
        let scale = entry.weights.map { abs($0) }.max()!
        for (own, theirs) in zip(fitted.weights + [fitted.intercept], entry.weights + [entry.intercept]) {
            #expect(abs(own - theirs) < 1e-6 * max(1, scale), "\(own) and \(theirs)")
        }
        let hits = entry.labels.indices.count { index in
            let row = entry.x[index * entry.columns..<(index + 1) * entry.columns]
            return (fitted.margin(row) > 0) == entry.labels[index]
        }
        #expect(Double(hits) / Double(entry.labels.count) == entry.trainingAccuracy)
    }

    /// ∇F = 0: w = c Σ (t − p) x, and Σ (t − p) = 0 for the intercept.
    @Test(arguments: cases.indices) func theGradientVanishes(_ number: Int) {
        let entry = Self.cases[number]
        let fitted = LogisticRegression(entry.x, columns: entry.columns, labels: entry.labels, c: entry.c)
        var pull = [Double](repeating: 0, count: entry.columns + 1)
        for (index, label) in entry.labels.enumerated() {
            let row = Array(entry.x[index * entry.columns..<(index + 1) * entry.columns])
            let residual = entry.c * ((label ? 1 : 0) - 1 / (1 + exp(-fitted.margin(row))))
            for (column, value) in (row + [1]).enumerated() { pull[column] += residual * value }
        }
        for (own, expected) in zip(pull, fitted.weights + [0]) { #expect(abs(own - expected) < 1e-6) }
    }

    /// Without information the intercept alone speaks: log-odds of the labels.
    @Test func constantFeatures() {
        let fitted = LogisticRegression(
            [Double](repeating: 0, count: 8), columns: 2, labels: [true, false, false, false], c: 1)
        #expect(fitted.weights == [0, 0])
        #expect(abs(fitted.intercept - log(1.0 / 3)) < 1e-9)
    }
}
