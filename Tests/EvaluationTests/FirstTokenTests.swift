import Evaluation
import Foundation
import Tensors
import Testing

/// What is computed of a first token's distribution, against PyTorch in f64.
@Suite struct FirstTokenTests {
    private struct Case {
        var logs: [Double]
        var odds: Double
    }

    private static func cases() throws -> [Case] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Fixtures/first-token.json"
        let json = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        return try #require(json["cases"]?.elements).map { item in
            Case(
                logs: try #require(item["log_probabilities"]?.elements).map { try #require($0.double) },
                odds: try #require(item["log_odds"]?.double))
        }
    }

    @Test func logOddsMatchTorch() throws {
        let cases = try Self.cases()
        #expect(cases.count == 10)
        for item in cases {
            let own = RefusalLogOdds.value(item.logs)
            #expect(abs(own - item.odds) <= 1e-9 * max(1, abs(item.odds)), "\(own) against \(item.odds)")
        }
    }

    @Test func logOddsAreWhatTheDefinitionSays() {
        #expect(abs(RefusalLogOdds.value([Foundation.log(0.5)])) < 1e-12)
        #expect(abs(RefusalLogOdds.value([Foundation.log(0.25), Foundation.log(0.5)]) - Foundation.log(3)) < 1e-7)
        // Epsilon bounds both ends.
        #expect(abs(RefusalLogOdds.value([0]) + Foundation.log(1e-8)) < 1e-7)
        #expect(abs(RefusalLogOdds.value([-800]) - Foundation.log(1e-8)) < 1e-7)
        #expect(RefusalLogOdds.value([-800]).isFinite)
    }

    @Test func divergenceIsWhatTheDefinitionSays() {
        func logs(_ values: [Double]) -> [Float] { values.map { Float(Foundation.log($0)) } }
        let (p, q) = ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5])
        #expect(TokenDivergence.nats(logs(p), logs(p)) == 0)
        #expect(abs(TokenDivergence.nats(logs(p), logs(q)) - 0.25 * Foundation.log(2)) < 1e-6)
        let epsilon = 0.1
        let expected = zip(p, q).reduce(0.0) { $0 + $1.0 * Foundation.log(($1.0 + epsilon) / ($1.1 + epsilon)) }
        #expect(abs(TokenDivergence.nats(logs(p), logs(q), epsilon: epsilon) - expected) < 1e-6)
    }
}
