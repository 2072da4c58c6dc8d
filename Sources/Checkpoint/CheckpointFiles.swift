import Tensors

/// Small files of a checkpoint folder, with errors that say so.
enum CheckpointFiles {
    static func bytes(_ path: String) throws(CheckpointError) -> [UInt8] {
        do throws(TensorFileError) {
            let mapping = try FileMapping(path: path)
            return withExtendedLifetime(mapping) { Array(mapping.bytes) }
        } catch { throw CheckpointError(.unreadable, file: path, error.fault) }
    }

    static func json(_ path: String) throws(CheckpointError) -> JSON {
        let bytes = try bytes(path)
        do throws(JSONError) { return try JSON.parse(bytes) } catch {
            throw CheckpointError(.malformed, file: path, error.description)
        }
    }

    /// The parsed file, or `nil` where there is none.
    static func jsonIfPresent(_ path: String) throws(CheckpointError) -> JSON? {
        Files.exists(path) ? try json(path) : nil
    }
}
