import type { DescFile } from "@bufbuild/protobuf";
export declare function descriptorOf(name: string): DescFile;
