import Foundation
import Tensors

/// What Python and lm-eval made (scripts/fixtures/make_zero_shot.py).
enum ZeroShotFixture {
    static let json: JSON = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../Fixtures/zero-shot.json").standardized.path
        guard let data = FileManager.default.contents(atPath: path) else { preconditionFailure("no \(path)") }
        do { return try JSON.parse(Array(data)) } catch { preconditionFailure("\(path): \(error)") }
    }()

    static func list(_ key: String) -> [JSON] { json[key]!.elements! }
}
