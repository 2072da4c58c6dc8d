import Tensors

extension StudyNode {
    /// Different numbers of decoder blocks, counted from 0, ascending; `nil` where the key is missing.
    /// - Throws: `InputError` where it is no list of such numbers.
    func blocks(_ key: String) throws(InputError) -> [Int]? {
        guard let items = try self.items(key) else { return nil }
        var blocks: [Int] = []
        for item in items {
            guard let block = item.wholeNumber, block >= 0, !blocks.contains(block) else {
                throw error(key, "has to be a list of different block numbers from 0")
            }
            blocks.append(block)
        }
        guard !blocks.isEmpty else { throw error(key, "is an empty list") }
        return blocks.sorted()
    }
}
