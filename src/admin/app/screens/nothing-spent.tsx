import { Link } from "../frame/router.tsx";
import { Empty } from "../parts/states.tsx";

/** Where costs will be, and how they come to be there. */
export const NothingSpent = ({ days }: { days: number }) => (
  <Empty>
    Nothing was called in the last {days} days. <Link to="/playground">Send a step from the playground</Link>,
    or point an agent at this service.
  </Empty>
);
