import Datasets
package import Reporting
package import Selection
import Tensors

/// A probe's heads as JSON, the most accurate first, and as a table.
package enum HeadProbeFile {
    /// Writes every head with its accuracies (shares, 0 to 1), and how many prompts they are of.
    /// - Throws: `TensorFileError` where the file cannot be written.
    package static func write(_ probe: HeadProbe, metadata: [(String, String)], to path: String) throws {
        let heads = probe.ranking.enumerated().map { rank, head in
            JSON.object([
                .init("rank", .integer(rank + 1)), .init("layer", .integer(head.layer)),
                .init("head", .integer(head.head)), .init("accuracy", .number(head.accuracy)),
                .init("training_accuracy", .number(head.trainingAccuracy)),
            ])
        }
        var members = metadata.map { JSON.Member($0.0, .text($0.1)) }
        members.append(JSON.Member("training_prompts", .integer(probe.split.training.count)))
        members.append(JSON.Member("test_prompts", .integer(probe.split.test.count)))
        members.append(JSON.Member("heads", .array(heads)))
        let json = JSON.object(members)
        try TextFile.write(String(decoding: json.encoded(indent: true), as: UTF8.self) + "\n", to: path)
    }

    /// The first heads of the ranking.
    package static func table(_ probe: HeadProbe, first count: Int = 10) -> Table {
        var table = Table([.init("rank"), .init("layer"), .init("head"), .init("accuracy"), .init("in training")])
        for (rank, head) in probe.ranking.prefix(count).enumerated() {
            table.append([
                "\(rank + 1)", "\(head.layer)", "\(head.head)", Format.fixed(head.accuracy, 3),
                Format.fixed(head.trainingAccuracy, 3),
            ])
        }
        return table
    }
}
