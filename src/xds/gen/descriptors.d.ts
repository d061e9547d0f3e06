import type { DescFile, FileRegistry } from "@bufbuild/protobuf";
export declare function descriptorOf(name: string): DescFile;
export declare const allDescriptors: FileRegistry;
